"""The tables of products, units, price lists and opportunities."""

from sandbox.metadata.common import ACTIVE_INACTIVE, CURRENCY, build_table
from sandbox.metadata.model import Table


def build_tables() -> list[Table]:
    """Return the sales tables."""
    return [
        _build_product(),
        _build_uom(),
        _build_uomschedule(),
        _build_pricelevel(),
        _build_productpricelevel(),
        _build_opportunity(),
    ]


def _build_product() -> Table:
    return build_table(
        "Product",
        "products",
        "Product",
        "Products",
        f"""
Name | s100 ! | Name
ProductNumber | s100 !! | Product ID
Description | memo2000 | Description
ProductStructure | p 1=Product; 2=Product Family; 3=Product Bundle + | Product Structure
ProductTypeCode | p 1=Sales Inventory; 2=Miscellaneous Charges; 3=Services; 4=Flat Fees | Product Type
ProductUrl | url255 | URL
Size | s200 | Size
VendorID | s100 | Vendor ID
VendorName | s100 | Vendor
VendorPartNumber | s100 | Vendor Name
SupplierName | s100 | Supplier Name
ParentProductId | l product | Parent
DefaultUoMId | l uom ! | Default Unit
DefaultUoMScheduleId | l uomschedule ! | Unit Group
PriceLevelId | l pricelevel | Default Price List
QuantityDecimal | i0..5 ! | Decimals Supported
QuantityOnHand | d2 0..1e9 | Quantity On Hand
StockVolume | d2 0..1e9 | Stock Volume
StockWeight | d2 0..1e9 | Stock Weight
IsKit | b No/Yes | Is Kit
IsStockItem | b No/Yes | Stock Item
ValidFromDate | date | Valid From
ValidToDate | date | Valid To
HierarchyPath | s450 * | Hierarchy Path
Price | m0..1e12 | List Price
Price_Base | mb | List Price (Base)
StandardCost | m0..1e12 | Standard Cost
StandardCost_Base | mb | Standard Cost (Base)
CurrentCost | m0..1e12 | Current Cost
CurrentCost_Base | mb | Current Cost (Base)
{CURRENCY}
StateCode | state 0=Active; 1=Retired; 2=Draft; 3=Under Revision !! | Status
StatusCode | status 1@0=Active; 2@1=Retired; 0@2=Draft; 3@3=Under Revision | Status Reason
""",
        code=1024,
    )


def _build_uom() -> Table:
    return build_table(
        "UoM",
        "uoms",
        "Unit",
        "Units",
        """
Name | s100 !! | Name
Quantity | d10 0..1e10 ! | Quantity
BaseUoM | l uom | Base Unit
UoMScheduleId | l uomschedule + | Unit Schedule
IsScheduleBaseUoM | b No/Yes * | Is Schedule Base Unit
OrganizationId | g * | Organization
""",
        code=1055,
    )


def _build_uomschedule() -> Table:
    return build_table(
        "UoMSchedule",
        "uomschedules",
        "Unit Group",
        "Unit Groups",
        f"""
Name | s200 !! | Name
BaseUoMName | s100 + | Base Unit name
Description | memo2000 | Description
{ACTIVE_INACTIVE}
""",
        code=1056,
    )


def _build_pricelevel() -> Table:
    return build_table(
        "PriceLevel",
        "pricelevels",
        "Price List",
        "Price Lists",
        f"""
Name | s100 !! | Name
Description | memo2000 | Description
BeginDate | date | Start Date
EndDate | date | End Date
FreightTermsCode | p 1=Default Value | Freight Terms
PaymentMethodCode | p 1=Default Value | Payment Method
ShippingMethodCode | p 1=Default Value | Shipping Method
{CURRENCY}
StateCode | state 0=Active; 1=Inactive !! | Status
StatusCode | status 100001@0=Active; 100002@1=Inactive | Status Reason
""",
        code=1022,
    )


def _build_productpricelevel() -> Table:
    methods = (
        "1=Currency Amount; 2=Percent of List; 3=Percent Margin - Current Cost; 4=Percent Markup - Current Cost; "
        "5=Percent Margin - Standard Cost; 6=Percent Markup - Standard Cost"
    )
    return build_table(
        "ProductPriceLevel",
        "productpricelevels",
        "Price List Item",
        "Price List Items",
        f"""
ProductNumber | s100 * | Product ID
PriceLevelId | l pricelevel !! | Price List
ProductId | l product !! | Product
UoMId | l uom !! | Unit
UoMScheduleId | l uomschedule | Unit Schedule ID
PricingMethodCode | p {methods} | Pricing Method
QuantitySellingCode | p 1=No Control; 2=Whole; 3=Whole and Fractional | Quantity Selling Option
RoundingPolicyCode | p 1=None; 2=Up; 3=Down; 4=To Nearest | Rounding Policy
RoundingOptionCode | p 1=Ends in; 2=Multiple of | Rounding Option
Percentage | d5 0..1e5 | Percentage
Amount | m0..1e12 | Amount
Amount_Base | mb | Amount (Base)
RoundingOptionAmount | m0..1e12 | Rounding Amount
RoundingOptionAmount_Base | mb | Rounding Amount (Base)
{CURRENCY}
""",
        code=1026,
        primary_name="productnumber",
    )


def _build_opportunity() -> Table:
    return build_table(
        "Opportunity",
        "opportunities",
        "Opportunity",
        "Opportunities",
        f"""
Name | s300 ! | Topic
CustomerId | customer | Potential Customer
ParentAccountId | l account | Account
ParentContactId | l contact | Contact
PriceLevelId | l pricelevel | Price List
Description | memo2000 | Description
EstimatedCloseDate | date | Est. Close Date
ActualCloseDate | date | Actual Close Date
CloseProbability | i0..100 | Probability
CurrentSituation | memo2000 | Current Situation
CustomerNeed | memo2000 | Customer Need
ProposedSolution | memo2000 | Proposed Solution
StepName | s200 | Pipeline Phase
OpportunityRatingCode | p 1=Hot; 2=Warm; 3=Cold | Rating
PriorityCode | p 1=Default Value | Priority
SalesStageCode | p 1=Default Value | Process Code
IsRevenueSystemCalculated | b User Provided/System Calculated | Revenue
EstimatedValue | m-1e12..1e12 | Est. Revenue
EstimatedValue_Base | mb | Est. Revenue (Base)
ActualValue | m-1e12..1e12 | Actual Revenue
ActualValue_Base | mb | Actual Revenue (Base)
BudgetAmount | m0..1e12 | Budget Amount
BudgetAmount_Base | mb | Budget Amount (Base)
TotalAmount | m-1e14..1e14 * | Total Amount
TotalAmount_Base | mb | Total Amount (Base)
{CURRENCY}
StateCode | state 0=Open; 1=Won; 2=Lost !! | Status
StatusCode | status 1@0=In Progress; 2@0=On Hold; 3@1=Won; 4@2=Canceled; 5@2=Out-Sold | Status Reason
""",
        code=3,
        ownership="UserOwned",
    )
