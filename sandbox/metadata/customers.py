"""The tables account and contact."""

from sandbox.metadata.common import ACTIVE_INACTIVE, CURRENCY, address_lines, build_table
from sandbox.metadata.model import Table

_TERMS = "1=Net 30; 2=2% 10, Net 30; 3=Net 45; 4=Net 60"
_INDUSTRIES = (
    "1=Accounting; 2=Agriculture and Non-petrol Natural Resource Extraction; 3=Broadcasting Printing and Publishing; "
    "4=Brokers; 5=Building Supply Retail; 6=Business Services; 7=Consulting; 8=Consumer Services; "
    "9=Design, Direction and Creative Management; 10=Distributors, Dispatchers and Processors; "
    "11=Doctor's Offices and Clinics; 12=Durable Manufacturing; 13=Eating and Drinking Places; "
    "14=Entertainment Retail; 15=Equipment Rental and Leasing; 16=Financial; 17=Food and Tobacco Processing; "
    "18=Inbound Capital Intensive Processing; 19=Inbound Repair and Services; 20=Insurance; 21=Legal Services; "
    "22=Non-Durable Merchandise Retail; 23=Outbound Consumer Service; 24=Petrochemical Extraction and Distribution; "
    "25=Service Retail; 26=SIG Affiliations; 27=Social Services; 28=Special Outbound Trade Contractors; "
    "29=Specialty Realty; 30=Transportation; 31=Utility Creation and Distribution; 32=Vehicle Retail; 33=Wholesale"
)

_RELATIONSHIPS = (
    "1=Competitor; 2=Consultant; 3=Customer; 4=Investor; 5=Partner; 6=Influencer; 7=Press; 8=Prospect; 9=Reseller; "
    "10=Supplier; 11=Vendor; 12=Other"
)

_CONSENT = """
DoNotPhone | b Allow/Do Not Allow | Do not allow Phone Calls
DoNotFax | b Allow/Do Not Allow | Do not allow Faxes
DoNotEMail | b Allow/Do Not Allow | Do not allow Emails
DoNotPostalMail | b Allow/Do Not Allow | Do not allow Mails
DoNotBulkEMail | b Allow/Do Not Allow | Do not allow Bulk Emails
DoNotBulkPostalMail | b No/Yes | Do not allow Bulk Mails
DoNotSendMM | b Send/Do Not Send | Send Marketing Materials
CreditOnHold | b No/Yes | Credit Hold
FollowEmail | b Do Not Allow/Allow | Follow Email Activity
MarketingOnly | b No/Yes | Marketing Only
Merged | b No/Yes * | Merged
ParticipatesInWorkflow | b No/Yes | Participates in Workflow
PreferredContactMethodCode | p 1=Any; 2=Email; 3=Phone; 4=Fax; 5=Mail | Preferred Method of Contact
PreferredAppointmentDayCode | p 0=Sunday; 1=Monday; 2=Tuesday; 3=Wednesday; 4=Thursday; 5=Friday; 6=Saturday | Day
PreferredAppointmentTimeCode | p 1=Morning; 2=Afternoon; 3=Evening | Preferred Time
PreferredSystemUserId | l systemuser | Preferred User
LastUsedInCampaign | dt | Last Date Included in Campaign
OnHoldTime | i * | On Hold Time (Minutes)
LastOnHoldTime | dt | Last On Hold Time
ProcessId | g | Process
StageId | g | Process Stage
TraversedPath | s1250 | Traversed Path
"""

_MONEY = "\n".join(
    f"{name} | m0..1e14{flag} | {label}\n{name}_Base | mb | {label} (Base)"
    for name, label, flag in (
        ("CreditLimit", "Credit Limit", ""),
        ("Aging30", "Aging 30", " *"),
        ("Aging60", "Aging 60", " *"),
        ("Aging90", "Aging 90", " *"),
    )
)


def build_account() -> Table:
    """Return the table of companies that one does business with."""
    return build_table(
        "Account",
        "accounts",
        "Account",
        "Accounts",
        f"""
Name | s160 ! | Account Name
AccountNumber | s20 | Account Number
PrimaryContactId | l contact | Primary Contact
ParentAccountId | l account | Parent Account
MasterId | l account * | Master ID
Telephone1 | phone50 | Main Phone
Telephone2 | phone50 | Other Phone
Telephone3 | phone50 | Telephone 3
Fax | s50 | Fax
EMailAddress1 | email100 | Email
EMailAddress2 | email100 | Email Address 2
EMailAddress3 | email100 | Email Address 3
WebSiteURL | url200 | Website
FtpSiteURL | url200 | FTP Site
Description | memo2000 | Description
CustomerTypeCode | p {_RELATIONSHIPS} | Relationship Type
AccountCategoryCode | p 1=Preferred Customer; 2=Standard | Category
AccountClassificationCode | p 1=Default Value | Classification
AccountRatingCode | p 1=Default Value | Account Rating
BusinessTypeCode | p 1=Default Value | Business Type
CustomerSizeCode | p 1=Default Value | Customer Size
TerritoryCode | p 1=Default Value | Territory Code
ShippingMethodCode | p 1=Default Value | Shipping Method
IndustryCode | p {_INDUSTRIES} | Industry
OwnershipCode | p 1=Public; 2=Private; 3=Subsidiary; 4=Other | Ownership
PaymentTermsCode | p {_TERMS} | Payment Terms
SIC | s20 | SIC Code
TickerSymbol | s10 | Ticker Symbol
StockExchange | s20 | Stock Exchange
NumberOfEmployees | i0..1000000000 | Number of Employees
SharesOutstanding | i0..1000000000 | Shares Outstanding
YomiName | s160 | Yomi Account Name
PrimaryTwitterId | s128 | Primary Twitter ID
PrimarySatoriId | s200 | Primary Satori ID
Revenue | m0..1e14 | Annual Revenue
Revenue_Base | mb | Annual Revenue (Base)
MarketCap | m0..1e14 | Market Capitalization
MarketCap_Base | mb | Market Capitalization (Base)
{_MONEY}
{CURRENCY}{_CONSENT}{ACTIVE_INACTIVE}{address_lines(1, "Address 1")}{address_lines(2, "Address 2")}
""",
        code=1,
        ownership="UserOwned",
    )


def build_contact() -> Table:
    """Return the table of people."""
    return build_table(
        "Contact",
        "contacts",
        "Contact",
        "Contacts",
        f"""
FullName | s160 * | Full Name
FirstName | s50 | First Name
MiddleName | s50 | Middle Name
LastName | s50 ! | Last Name
Salutation | s100 | Salutation
Suffix | s10 | Suffix
NickName | s100 | Nickname
JobTitle | s100 | Job Title
Department | s100 | Department
ParentCustomerId | customer | Company Name
AccountId | l account * | Account
ParentContactId | l contact * | Parent Contact
MasterId | l contact * | Master ID
Telephone1 | phone50 | Business Phone
Telephone2 | phone50 | Home Phone
Telephone3 | phone50 | Telephone 3
MobilePhone | phone50 | Mobile Phone
Business2 | phone50 | Business Phone 2
Home2 | phone50 | Home Phone 2
Company | phone50 | Company Phone
Callback | phone50 | Callback Number
Pager | s50 | Pager
Fax | s50 | Fax
EMailAddress1 | email100 | Email
EMailAddress2 | email100 | Email Address 2
EMailAddress3 | email100 | Email Address 3
WebSiteUrl | url200 | Website
FtpSiteUrl | url200 | FTP Site
Description | memo2000 | Description
BirthDate | date | Birthday
Anniversary | date | Anniversary
GenderCode | p 1=Male; 2=Female | Gender
FamilyStatusCode | p 1=Single; 2=Married; 3=Divorced; 4=Widowed | Marital Status
EducationCode | p 1=Default Value | Education
HasChildrenCode | p 1=Default Value | Has Children
LeadSourceCode | p 1=Default Value | Lead Source
CustomerSizeCode | p 1=Default Value | Customer Size
CustomerTypeCode | p 1=Default Value | Relationship Type
TerritoryCode | p 1=Default Value | Territory
ShippingMethodCode | p 1=Default Value | Shipping Method
AccountRoleCode | p 1=Decision Maker; 2=Employee; 3=Influencer | Role
PaymentTermsCode | p {_TERMS} | Payment Terms
IsBackofficeCustomer | b No/Yes | Back Office Customer
NumberOfChildren | i0..1000000000 | No. of Children
ChildrensNames | s255 | Children's Names
SpousesName | s100 | Spouse/Partner Name
AssistantName | s100 | Assistant
AssistantPhone | phone50 | Assistant Phone
ManagerName | s100 | Manager
ManagerPhone | phone50 | Manager Phone
EmployeeId | s50 | Employee
GovernmentId | s50 | Government
ExternalUserIdentifier | s50 | External User Identifier
YomiFirstName | s150 | Yomi First Name
YomiMiddleName | s150 | Yomi Middle Name
YomiLastName | s150 | Yomi Last Name
YomiFullName | s450 * | Yomi Full Name
AnnualIncome | m0..1e14 | Annual Income
AnnualIncome_Base | mb | Annual Income (Base)
{_MONEY}
{CURRENCY}{_CONSENT}{ACTIVE_INACTIVE}{address_lines(1, "Address 1")}{address_lines(2, "Address 2")}
""",
        code=2,
        primary_name="fullname",
        ownership="UserOwned",
    )
