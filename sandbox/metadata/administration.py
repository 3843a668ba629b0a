"""The tables of organization, users, teams, roles, privileges, currencies and solutions."""

from dataclasses import replace

from sandbox.metadata.common import ACTIVE_INACTIVE, CURRENCY, address_lines, build_table
from sandbox.metadata.model import Association, Table


def build_tables() -> list[Table]:
    """Return the administrative tables, with their many-to-many relationships."""
    user, team, role = _build_systemuser(), _build_team(), _build_role()
    user.associations = {
        "systemuserroles_association": Association("systemuserroles", "role"),
        "teammembership_association": Association("teammembership", "team"),
    }
    team.associations = {
        "teamroles_association": Association("teamroles", "role"),
        "teammembership_association": Association("teammembership", "systemuser"),
    }
    role.associations = {
        "systemuserroles_association": Association("systemuserroles", "systemuser"),
        "teamroles_association": Association("teamroles", "team"),
    }
    return [
        _build_organization(),
        _build_businessunit(),
        user,
        team,
        role,
        _build_privilege(),
        _build_roleprivileges(),
        _build_currency(),
        _build_solution(),
        _build_solutioncomponent(),
        _build_publisher(),
    ]


def _build_organization() -> Table:
    return build_table(
        "Organization",
        "organizations",
        "Organization",
        "Organizations",
        """
Name | s160 * | Organization Name
BaseCurrencyId | l transactioncurrency * | Currency
BaseCurrencyPrecision | i0..4 * | Base Currency Precision
BaseCurrencySymbol | s5 * | Base Currency Symbol
CurrencySymbol | s13 * | Currency Symbol
CurrencyDecimalPrecision | i0..4 | Currency Decimal Precision
CurrencyDisplayOption | p 0=Currency symbol; 1=Currency code | Display Currencies Using
PricingDecimalPrecision | i0..4 | Pricing Decimal Precision
ExpireChangeTrackingInDays | i0..365 | Days to Expire Change Tracking Deltas
ExpireSubscriptionsInDays | i | Days to Expire Subscriptions
FullNameConventionCode | p 0=Last Name, First Name; 1=First Name | Full Name Display Order
LanguageCode | i * | Language
LocaleId | i | Locale
IsDisabled | b No/Yes * | Is Organization Disabled
IsAuditEnabled | b No/Yes | Is Auditing Enabled
MaxUploadFileSize | i0..131072000 | Max Upload File Size
OrganizationState | p 0=Creating; 1=Upgrading; 2=Updating; 3=Active * | Organization State
SchemaNamePrefix | s8 * | Customization Name Prefix
DateFormatString | s255 | Date Format String
TimeFormatString | s255 | Time Format String
SystemUserId | g * | System User
IntegrationUserId | g * | Integration User
""",
        code=1019,
        change_tracking=False,
        ownership="None",
        bulk=False,
    )


def _build_businessunit() -> Table:
    return build_table(
        "BusinessUnit",
        "businessunits",
        "Business Unit",
        "Business Units",
        f"""
Name | s160 !! | Name
ParentBusinessUnitId | l businessunit | Parent Business
OrganizationId | l organization * | Organization
Description | memo2000 | Description
DivisionName | s100 | Division
CostCenter | s100 | Cost Center
EMailAddress | email100 | Email
FileAsName | s100 | File as Name
FtpSiteUrl | url200 | FTP Site
WebSiteUrl | url200 | Website
StockExchange | s20 | Stock Exchange
TickerSymbol | s10 | Ticker Symbol
CreditLimit | f2 0..1e9 | Credit Limit
InheritanceMask | i0..1000000000 | Inheritance Mask
UTCOffset | i-1500..1500 | UTC Offset
IsDisabled | b No/Yes * | Is Disabled
DisabledReason | s500 * | Disable Reason
WorkflowSuspended | b No/Yes | Workflow Suspended
{CURRENCY}{address_lines(1, "Bill To", kind="unit")}{address_lines(2, "Ship To", kind="unit")}
""",
        code=10,
        ownership="BusinessOwned",
        bulk=False,
    )


def _build_systemuser() -> Table:
    licences = (
        "0=Professional; 1=Administrative; 2=Basic; 3=Device Professional; 4=Device Basic; 5=Essential; "
        "6=Device Essential; 7=Enterprise; 8=Device Enterprise; 9=Sales; 10=Service; 11=Field Service; "
        "12=Project Service"
    )
    modes = "0=Read-Write; 1=Administrative; 2=Read; 3=Support User; 4=Non-interactive; 5=Delegated Admin"
    invitations = (
        "0=Invitation Not Sent; 1=Invited; 2=Invitation Near Expired; 3=Invitation Expired; 4=Invitation Accepted; "
        "5=Invitation Rejected; 6=Invitation Revoked"
    )
    return build_table(
        "SystemUser",
        "systemusers",
        "User",
        "Users",
        f"""
FullName | s200 * | Full Name
FirstName | s256 | First Name
MiddleName | s50 | Middle Name
LastName | s256 | Last Name
DomainName | s1024 + | User Name
InternalEMailAddress | email100 | Primary Email
PersonalEMailAddress | email100 | Email 2
MobileAlertEMail | email100 | Mobile Alert Email
WindowsLiveID | s1024 | Windows Live ID
JobTitle | s100 | Job Title
Title | s128 | Title
Salutation | s20 | Salutation
NickName | s50 | Nickname
EmployeeId | s100 | Employee
GovernmentId | s100 | Government
Skills | s100 | Skills
HomePhone | phone50 | Home Phone
MobilePhone | phone64 | Mobile Phone
PhotoUrl | url200 | Photo URL
PreferredAddressCode | p 1=Mailing Address; 2=Other Address | Preferred Address
PreferredEmailCode | p 1=Default Value | Preferred Email
PreferredPhoneCode | p 1=Main Phone; 2=Other Phone; 3=Home Phone; 4=Mobile Phone | Preferred Phone
BusinessUnitId | l businessunit !! | Business Unit
ParentSystemUserId | l systemuser | Manager
OrganizationId | g * | Organization
ApplicationId | g + | Application ID
ApplicationIdUri | s1024 + | Application ID URI
AzureActiveDirectoryObjectId | g + | Azure AD Object ID
AccessMode | p {modes} | Access Mode
CALType | p {licences} | License Type
UserLicenseType | i | User License Type
IsLicensed | b No/Yes * | User Licensed
IsDisabled | b Enabled/Disabled | Status
DisabledReason | s500 * | Disabled Reason
IsIntegrationUser | b No/Yes | Integration user mode
IsSyncWithDirectory | b No/Yes * | User Synced
SetupUser | b No/Yes | Restricted Access Mode
DisplayInServiceViews | b No/Yes | Display in Service Views
InviteStatusCode | p {invitations} | Invitation Status
YomiFirstName | s64 | Yomi First Name
YomiLastName | s64 | Yomi Last Name
YomiFullName | s200 * | Yomi Full Name
{CURRENCY}{address_lines(1, "Address", kind="user")}{address_lines(2, "Other Address", kind="user")}
""",
        code=8,
        primary_name="fullname",
        ownership="BusinessOwned",
        bulk=False,
    )


def _build_team() -> Table:
    return build_table(
        "Team",
        "teams",
        "Team",
        "Teams",
        f"""
Name | s160 !! | Team Name
BusinessUnitId | l businessunit !! | Business Unit
AdministratorId | l systemuser !! | Administrator
Description | memo2000 | Description
EMailAddress | email100 | Email
TeamType | p 0=Owner; 1=Access; 2=Security Group; 3=Office Group + | Team Type
MembershipType | p 0=Members and guests; 1=Members; 2=Owners; 3=Guests + | Membership Type
AzureActiveDirectoryObjectId | g + | Object Id for a group
IsDefault | b No/Yes * | Is Default
SystemManaged | b No/Yes * | Is System Managed
OrganizationId | g * | Organization
YomiName | s160 | Yomi Name
{CURRENCY}
""",
        code=9,
        ownership="BusinessOwned",
        bulk=False,
    )


def _build_role() -> Table:
    return build_table(
        "Role",
        "roles",
        "Security Role",
        "Security Roles",
        """
Name | s100 !! | Name
BusinessUnitId | l businessunit !! | Business Unit
ParentRoleId | l role * | Parent Role
ParentRootRoleId | l role * | Parent Root Role
RoleTemplateId | l roletemplate * | Role Template
OrganizationId | g * | Organization
IsInherited | p 0=Team privileges only; 1=Direct User (Basic) and Team privileges | Member's privilege inheritance
IsManaged | b Unmanaged/Managed * | State
SolutionId | g * | Solution
""",
        code=1036,
        ownership="BusinessOwned",
        change_tracking=False,
        bulk=False,
    )


def _build_privilege() -> Table:
    return build_table(
        "Privilege",
        "privileges",
        "Privilege",
        "Privileges",
        """
Name | s100 * | Name
AccessRight | i * | Access Right
CanBeBasic | b No/Yes * | Can Be Basic
CanBeLocal | b No/Yes * | Can Be Local
CanBeDeep | b No/Yes * | Can Be Deep
CanBeGlobal | b No/Yes * | Can Be Global
VersionNumber | big * | Version Number
""",
        code=1023,
        ownership="None",
        change_tracking=False,
        history=False,
        bulk=False,
    )


def _build_roleprivileges() -> Table:
    table = build_table(
        "RolePrivileges",
        "roleprivilegescollection",
        "Role Privilege",
        "Role Privileges",
        """
RolePrivilegeId | g * | Role Privilege
RoleId | g * | Role
PrivilegeId | g * | Privilege
PrivilegeDepthMask | i * | Privilege Depth
VersionNumber | big * | Version Number
""",
        code=12,
        primary_name="roleprivilegeid",
        ownership="None",
        change_tracking=False,
        history=False,
        bulk=False,
    )
    del table.columns["roleprivilegesid"]
    key = replace(table.columns["roleprivilegeid"], primary_id=True, primary_name=False)
    table.columns = {"roleprivilegeid": key, **{k: v for k, v in table.columns.items() if k != "roleprivilegeid"}}
    table.primary_id, table.primary_name = "roleprivilegeid", ""
    table.rebuild_index()
    return table


def _build_currency() -> Table:
    return build_table(
        "TransactionCurrency",
        "transactioncurrencies",
        "Currency",
        "Currencies",
        f"""
CurrencyName | s100 !! | Currency Name
ISOCurrencyCode | s5 + | Currency Code
CurrencySymbol | s13 !! | Currency Symbol
CurrencyPrecision | i0..10 !! | Currency Precision
ExchangeRate | d10 1e-10..1e11 !! | Exchange Rate
OrganizationId | l organization * | Organization
{ACTIVE_INACTIVE}
""",
        code=9105,
        primary_name="currencyname",
    )


def _build_solution() -> Table:
    return build_table(
        "Solution",
        "solutions",
        "Solution",
        "Solutions",
        """
FriendlyName | s256 !! | Display Name
UniqueName | s65 + | Name
Version | s256 !! | Version
Description | memo2000 | Description
PublisherId | l publisher !! | Publisher
InstalledOn | dt * | Installed On
UpdatedOn | dt * | Updated On
IsManaged | b Unmanaged/Managed * | Package Type
IsVisible | b No/Yes * | Is Visible Outside Platform
SolutionType | p 0=None; 1=Snapshot; 2=Internal | Solution Type
OrganizationId | l organization * | Organization
""",
        code=7100,
        primary_name="friendlyname",
        ownership="None",
        change_tracking=False,
        bulk=False,
    )


def _build_solutioncomponent() -> Table:
    return build_table(
        "SolutionComponent",
        "solutioncomponents",
        "Solution Component",
        "Solution Components",
        """
ComponentType | p 1=Entity; 2=Attribute; 9=Option Set; 10=Entity Relationship; 14=Entity Key; 20=Role * | Type
ObjectId | g * | Regarding
RootComponentBehavior | p 0=Include Subcomponents; 1=Do not include subcomponents; 2=Include As Shell Only * | Root
SolutionId | l solution * | Solution
""",
        code=7103,
        primary_name="solutioncomponentid",
        ownership="None",
        change_tracking=False,
        history=False,
        bulk=False,
    )


def _build_publisher() -> Table:
    return build_table(
        "Publisher",
        "publishers",
        "Publisher",
        "Publishers",
        f"""
FriendlyName | s256 !! | Display Name
UniqueName | s256 !! | Name
CustomizationPrefix | s8 !! | Prefix
CustomizationOptionValuePrefix | i10000..99999 | Option Value Prefix
Description | memo2000 | Description
EMailAddress | email100 | Email
SupportingWebsiteUrl | url500 | Website
IsReadonly | b No/Yes * | Is Read-Only Publisher
OrganizationId | l organization * | Organization
{address_lines(1, "Address 1", kind="unit")}
""",
        code=7101,
        primary_name="friendlyname",
        ownership="None",
        change_tracking=False,
        bulk=False,
    )
