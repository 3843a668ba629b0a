"""A table of the environment's own, with the rights of the integration role: what a model of one's own is mapped to."""

from connection_setup.types import ROLE
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.coupling.conftest import connect
from tests.sandbox.conftest import api_of
from tests.sandbox.test_customizing import column, create_definition, label, lookup, table


def connect_with_plans(company: Company, remote: Sandbox) -> None:
    """Connect a company with an environment that has the table."""
    connect(company, remote)
    make_plan_table(remote)


def make_plan_table(remote: Sandbox) -> None:
    """Make new_plan: columns that a subscription's fields fit, some that they do not, and a lookup to accounts."""
    admin = api_of(remote, grant_type="password", username=remote.admin_user, password=remote.admin_password)
    create_definition(
        admin, "EntityDefinitions", table("new_Plan", ChangeTrackingEnabled=True, DisplayName=label("Subscription"))
    )
    at = "EntityDefinitions(LogicalName='new_plan')/Attributes"
    for one in (
        column("String", "new_Number", MaxLength=20, DisplayName=label("Number")),
        column("Decimal", "new_MonthlyFee", Precision=2, DisplayName=label("Monthly Fee")),
        column("DateTime", "new_StartsOn", Format="DateOnly", DateTimeBehavior={"Value": "DateOnly"}),
        column("String", "new_Seats", MaxLength=5),
        column("Boolean", "new_Active", OptionSet={
            "@odata.type": "Microsoft.Dynamics.CRM.BooleanOptionSetMetadata", "OptionSetType": "Boolean",
            "TrueOption": {"Value": 1, "Label": label("Yes")}, "FalseOption": {"Value": 0, "Label": label("No")},
        }),
        column("String", "new_Tier", MaxLength=20, DisplayName=label("Tier"),
               RequiredLevel={"Value": "ApplicationRequired"}),
    ):  # fmt: skip
        create_definition(admin, at, one)
    create_definition(
        admin, "RelationshipDefinitions", lookup("new_account_plan", "account", "new_plan", "new_CustomerId")
    )
    rights = admin.values("privileges?$select=privilegeid,name&$filter=contains(name,'new_Plan')")
    given = [{"PrivilegeId": right["privilegeid"], "Depth": "Global"} for right in rights]
    for role in admin.values(f"roles?$select=roleid&$filter=name eq '{ROLE}' and _parentroleid_value eq null"):
        path = f"roles({role['roleid']})/Microsoft.Dynamics.CRM.AddPrivilegesRole"
        assert admin.send("POST", path, json={"Privileges": given}).status_code == 204
