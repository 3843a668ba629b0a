"""The tables of events: messages, the tables they are about, where they are sent, and the steps that send them."""

from dataclasses import replace

from sandbox.metadata.common import build_table
from sandbox.metadata.model import Table

WEB_HOOK = 8
"""Contract of a service endpoint that is a web hook."""
AUTH_KEY, AUTH_HEADER, AUTH_QUERY = 4, 5, 6
"""How a web hook proves who it is: a key as `code`, a header, parameters of the address."""
AFTER_OPERATION = 40
ASYNCHRONOUS = 1


def build_tables() -> list[Table]:
    """Return the tables; a service endpoint's secret can be written and never be read."""
    endpoint = _build_service_endpoint()
    endpoint.add_columns([replace(endpoint.columns["authvalue"], for_read=False)])
    return [_build_message(), _build_message_filter(), endpoint, _build_step()]


def _build_message() -> Table:
    return build_table(
        "SdkMessage", "sdkmessages", "Sdk Message", "Sdk Messages",
        """
Name | s256 * | Name
CategoryName | s25 * | Category Name
IsPrivate | b No/Yes * | Is Private
OrganizationId | l organization * | Organization
""",
        code=4606, change_tracking=False, ownership="None", bulk=False,
    )  # fmt: skip


def _build_message_filter() -> Table:
    return build_table(
        "SdkMessageFilter", "sdkmessagefilters", "Sdk Message Filter", "Sdk Message Filters",
        """
Name | s256 * | Name
SdkMessageId | l sdkmessage * | SDK Message
PrimaryObjectTypeCode | s64 * | Primary Object Type Code
IsCustomProcessingStepAllowed | b No/Yes * | Custom Processing Step Allowed
OrganizationId | l organization * | Organization
""",
        code=4607, change_tracking=False, ownership="None", bulk=False,
    )  # fmt: skip


def _build_service_endpoint() -> Table:
    kinds = (
        "1=ACS; 2=SAS Key; 3=SAS Token; 4=Webhook Key; 5=HTTP Header; 6=HTTP Query String; 7=Connection String; "
        "8=Access Key; 9=Managed Identity"
    )
    return build_table(
        "ServiceEndpoint", "serviceendpoints", "Service Endpoint", "Service Endpoints",
        f"""
Name | s100 !! | Name
Description | memo2000 | Description
Contract | p 1=OneWay; 2=Queue; 3=Rest; 4=TwoWay; 5=Topic; 6=Queue (Persistent); 7=Event Hub; 8=Webhook !! | Contract
AuthType | p {kinds} | Authorization Type
AuthValue | memo4000 | Auth Value
Url | url800 | Public URL
MessageFormat | p 1=Binary XML; 2=Json; 3=Text XML | Message Format
UserClaim | p 1=None; 2=UserId | User Claim
ConnectionMode | p 1=Normal; 2=Federated | Connection Mode
OrganizationId | l organization * | Organization
""",
        code=4618, change_tracking=False, bulk=False,
    )  # fmt: skip


def _build_step() -> Table:
    return build_table(
        "SdkMessageProcessingStep", "sdkmessageprocessingsteps", "Sdk Message Processing Step",
        "Sdk Message Processing Steps",
        """
Name | s256 | Name
Description | s256 | Description
EventHandler | l serviceendpoint as eventhandler_serviceendpoint | Event Handler
SdkMessageId | l sdkmessage | SDK Message
SdkMessageFilterId | l sdkmessagefilter | SdkMessage Filter
Stage | p 10=Pre-validation; 20=Pre-operation; 40=Post-operation !! | Execution Stage
Mode | p 0=Synchronous; 1=Asynchronous !! | Execution Mode
Rank | i !! | Execution Order
FilteringAttributes | memo100000 | Filtering Attributes
SupportedDeployment | p 0=Server Only; 1=Microsoft Dynamics 365 Client for Outlook Only; 2=Both | Deployment
AsyncAutoDelete | b No/Yes | Asynchronous Automatic Delete
StateCode | state 0=Enabled; 1=Disabled !! | Status
StatusCode | status 1@0=Enabled; 2@1=Disabled | Status Reason
OrganizationId | l organization * | Organization
""",
        code=4608, change_tracking=False, bulk=False,
    )  # fmt: skip
