"""What the demo's names, places and numbers are made of. All businesses and people are invented.

Telephone numbers come from the ranges that each country keeps for fiction; mail and web addresses end in `.example`.
"""

from dataclasses import dataclass

FIRST_WORDS = (
    "Alder", "Amber", "Anchor", "Ash", "Aspen", "Beacon", "Birch", "Blue Heron", "Bramble", "Bright", "Brook",
    "Cedar", "Cinder", "Clover", "Cobalt", "Copper", "Coral", "Cormorant", "Crane", "Dale", "Drift", "Dune",
    "East Bay", "Elder", "Ember", "Falcon", "Fern", "Finch", "Fir", "Flint", "Foxglove", "Garnet", "Glen",
    "Granite", "Grove", "Gull", "Harbor", "Hawthorn", "Hazel", "Heather", "Hollow", "Indigo", "Iris", "Iron Gate",
    "Ivy", "Juniper", "Kestrel", "Kingfisher", "Lantern", "Larch", "Lark", "Laurel", "Linden", "Lupin", "Maple",
    "Marigold", "Marsh", "Meadow", "Mill", "Moss", "North Pier", "Oak", "Orchard", "Osprey", "Otter", "Pebble",
    "Pine", "Plover", "Quarry", "Quill", "Raven", "Red Kite", "Reed", "Ridge", "River", "Robin", "Rowan", "Saffron",
    "Sage", "Sandpiper", "Slate", "Sparrow", "Spruce", "Stone", "Swift", "Teal", "Thistle", "Thorn", "Timber",
    "Umber", "Vale", "Violet", "Walnut", "Wharf", "Willow", "Wren", "Yarrow",
)  # fmt: skip

TRADES = (
    "Bakery", "Bicycles", "Boatyard", "Bookbinders", "Brewing", "Cabinets", "Camping", "Candles", "Ceramics",
    "Chandlery", "Clinics", "Coffee", "Cycles", "Dairy", "Design", "Electrics", "Engineering", "Fabrics", "Farms",
    "Fisheries", "Florists", "Foods", "Foundry", "Freight", "Furniture", "Gardens", "Glass", "Hardware", "Hotels",
    "Instruments", "Interiors", "Kitchens", "Laboratories", "Leather", "Lighting", "Logistics", "Machines", "Mills",
    "Motors", "Nurseries", "Optics", "Outfitters", "Packaging", "Paints", "Paper", "Pharmacy", "Plastics",
    "Plumbing", "Pottery", "Press", "Printing", "Provisions", "Roasters", "Sailmakers", "Seeds", "Ski Rental",
    "Software", "Stationery", "Studios", "Supplies", "Textiles", "Tiles", "Tools", "Toys", "Trading", "Travel",
    "Tyres", "Vineyards", "Watches", "Workshop",
)  # fmt: skip

FIRST_NAMES = (
    "Ada", "Adil", "Amara", "Anders", "Anika", "Anton", "Beatriz", "Bela", "Carla", "Chidi", "Clara", "Daniel",
    "Daria", "Dmitri", "Edith", "Elias", "Elif", "Emil", "Esme", "Farah", "Felix", "Freya", "Gabriel", "Grace",
    "Hanna", "Hugo", "Imani", "Ines", "Ivan", "Jakob", "Jana", "Jonas", "Kamala", "Karim", "Kenji", "Lars", "Leila",
    "Lena", "Luca", "Maja", "Marek", "Marta", "Mei", "Mira", "Nadia", "Nils", "Noor", "Olga", "Omar", "Paula",
    "Pavel", "Priya", "Quentin", "Rafael", "Rania", "Rosa", "Samir", "Sana", "Sofia", "Stefan", "Tara", "Tomas",
    "Uma", "Vera", "Viktor", "Wanda", "Yara", "Yusuf",
)  # fmt: skip

SURNAMES = (
    "Abara", "Adler", "Bakker", "Barros", "Beck", "Bianchi", "Brandt", "Castell", "Chen", "Dahl", "Demir", "Dubois",
    "Eklund", "Fabian", "Farrow", "Fischer", "Galvan", "Gupta", "Haddad", "Hale", "Hansen", "Holt", "Ibarra",
    "Ivanova", "Jansen", "Kaplan", "Keller", "Khan", "Kovac", "Lang", "Laurent", "Lind", "Marsh", "Mehta", "Mendes",
    "Moreau", "Nakata", "Nowak", "Okafor", "Olsen", "Park", "Pereira", "Quist", "Rao", "Reyes", "Rossi", "Sato",
    "Silva", "Stone", "Tanaka", "Torres", "Urban", "Vance", "Vargas", "Weber", "Winter", "Wolf", "Young", "Zeller",
    "Zhou",
)  # fmt: skip

STREETS = (
    "Acorn", "Bridge", "Canal", "Chapel", "Church", "Depot", "Ferry", "Garden", "Granary", "Harvest", "High",
    "Hill", "Lake", "Market", "Mill", "Park", "Quay", "School", "Spring", "Station", "Tannery", "Union", "Water",
    "Weaver",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class City:
    """A city with its post code, county or state, and the beginning of numbers kept for fiction there."""

    name: str
    post_code: str
    county: str
    phone: str


@dataclass(frozen=True, slots=True)
class Place:
    """A country's part in the demo. `digits`: how many follow the beginning of a number."""

    country: str
    prefix: str
    currency: str
    legal_forms: tuple[str, ...]
    address: str
    streets: tuple[str, ...]
    digits: int
    cities: tuple[City, ...]


PLACES = {
    place.country: place
    for place in (
        Place(
            "US", "1", "USD", ("Inc.", "LLC", "Co.", "Corp."), "{n} {street} Street", STREETS, 2,
            (
                City("Seattle", "98101", "WA", "206 555 01"), City("Portland", "97205", "OR", "503 555 01"),
                City("Denver", "80202", "CO", "303 555 01"), City("Chicago", "60607", "IL", "312 555 01"),
                City("Atlanta", "30303", "GA", "404 555 01"), City("Boston", "02110", "MA", "617 555 01"),
                City("Austin", "78701", "TX", "512 555 01"), City("Raleigh", "27601", "NC", "919 555 01"),
                City("Salt Lake City", "84101", "UT", "801 555 01"), City("Boise", "83702", "ID", "208 555 01"),
                City("Duluth", "55802", "MN", "218 555 01"), City("Tucson", "85701", "AZ", "520 555 01"),
            ),
        ),
        Place(
            "CA", "1", "CAD", ("Ltd.", "Inc."), "{n} {street} Road", STREETS, 2,
            (
                City("Halifax", "B3J 1M5", "NS", "902 555 01"), City("Toronto", "M5V 2H1", "ON", "416 555 01"),
                City("Vancouver", "V6B 1A1", "BC", "236 555 01"), City("Calgary", "T2P 1J9", "AB", "587 555 01"),
                City("Montréal", "H2Y 1C6", "QC", "514 555 01"),
            ),
        ),
        Place(
            "GB", "44", "GBP", ("Ltd", "plc", "LLP"), "{n} {street} Lane", STREETS, 3,
            (
                City("London", "SE1 9GF", "", "020 7946 0"), City("Leeds", "LS1 4AP", "West Yorkshire", "0113 496 0"),
                City("Bristol", "BS1 5TR", "", "0117 496 0"), City("Edinburgh", "EH1 1YZ", "", "0131 496 0"),
                City("Manchester", "M2 5DB", "", "0161 496 0"),
                City("Newcastle upon Tyne", "NE1 4XF", "Tyne and Wear", "0191 498 0"),
            ),
        ),
        Place(
            "DE", "49", "EUR", ("GmbH", "AG", "KG"), "{street} {n}",
            ("Ahornweg", "Am Hafen", "Gartenstraße", "Mühlgasse", "Lindenallee", "Schulstraße", "Kirchplatz"), 3,
            (
                City("Berlin", "10117", "", "030 23125 "), City("Hamburg", "20457", "", "040 66969 "),
                City("Frankfurt am Main", "60311", "Hessen", "069 90009 "),
                City("München", "80331", "Bayern", "089 99998 "),
                City("Köln", "50667", "Nordrhein-Westfalen", "0221 4710 "),
            ),
        ),
        Place(
            "FR", "33", "EUR", ("SARL", "SA", "SAS"), "{n}, {street}",
            ("rue des Tilleuls", "quai du Port", "rue du Moulin", "avenue de la Gare", "place du Marché"), 4,
            (
                City("Paris", "75002", "", "01 99 00 "), City("Nantes", "44000", "Loire-Atlantique", "02 61 91 "),
                City("Besançon", "25000", "Doubs", "03 53 01 "), City("Sète", "34200", "Hérault", "04 65 71 "),
                City("Pau", "64000", "Pyrénées-Atlantiques", "05 36 49 "),
            ),
        ),
    )
}  # fmt: skip

CURRENCIES = (
    ("EUR", "Euro", "€", "0.920000"),
    ("GBP", "Pound sterling", "£", "0.790000"),
    ("CAD", "Canadian dollar", "C$", "1.360000"),
    ("SEK", "Swedish krona", "kr", "10.450000"),
)
PAYMENT_TERMS = (
    ("14 DAYS", "Net 14 days", "14D", "", "0"),
    ("30 DAYS", "Net 30", "30D", "", "0"),
    ("1M(8D)", "1 month, 2 % within 8 days", "1M", "8D", "2"),
    ("COD", "Cash on delivery", "0D", "", "0"),
)
SHIPMENT_METHODS = (
    ("EXW", "Ex works"),
    ("FOB", "Free on board"),
    ("CIF", "Cost, insurance and freight"),
    ("PICKUP", "Picked up at our gate"),
)
SHIPPING_AGENTS = (
    ("SWIFTPOST", "Swiftpost Parcels", "https://swiftpost.example/track"),
    ("OVERLAND", "Overland Haulage", "https://overland.example"),
    ("TIDE", "Tide & Tow Shipping", "https://tideandtow.example"),
)
FETCHED = ("WILL CALL", "Customers fetch it", "")
"""A shipping agent that is among the choices of every environment; nobody of the demo has chosen it."""
UNITS = (
    ("PCS", "Piece", "EA"),
    ("BOX", "Box", "BX"),
    ("SET", "Set", "SET"),
    ("KG", "Kilogram", "KGM"),
    ("HOUR", "Hour", "HUR"),
)
ITEM_NAMES = (
    "Desk lamp", "Office chair", "Oak table", "Bookcase", "Filing cabinet", "Whiteboard", "Monitor arm", "Footrest",
    "Coat stand", "Conference table", "Room divider", "Storage box", "Task light", "Standing desk", "Cable tray",
)  # fmt: skip
ITEM_KINDS = ("small", "large", "birch", "walnut", "grey", "black")
RESOURCES = (
    ("Assembly crew", "Person"), ("Interior planning", "Person"), ("Delivery van", "Machine"),
    ("Upholstery workshop", "Person"), ("Edge bander", "Machine"), ("Old panel saw", "Machine"),
)  # fmt: skip
PRODUCTS_ELSEWHERE = (
    ("Acoustic panel", "PCS", 1), ("Desk divider", "PCS", 1), ("Lighting survey", "HOUR", 3),
    ("Relocation service", "HOUR", 3),
)  # fmt: skip
"""Name, unit and type of products that only Dataverse has."""
PRICE_GROUPS = (
    ("DEALER", "Dealers", "USD", "0.75"), ("RETAIL", "Retail shops", "USD", "0.9"),
    ("EUROPE", "Dealers in Europe", "EUR", "0.7"),
)  # fmt: skip
"""Code, description and currency of groups of customers, and which part of an item's price they pay."""
PRICE_LISTS = (
    ("SPRING", "Spring prices", "", "Active", "0.95"), ("EXPORT", "Prices abroad", "EUR", "Active", "0.8"),
    ("AUTUMN", "Next autumn", "", "Draft", "0.85"),
)  # fmt: skip
"""Code, description, currency (blank: the local one) and status of price lists, and which part of a price they take."""
PROJECTS = ("New desks", "A meeting room", "Shelves", "Office chairs", "A reception", "Lighting")
JOB_TITLES = ("Sales Representative", "Account Manager", "Sales Manager", "Purchaser")
ROLES_AT_CUSTOMERS = ("Owner", "Buyer", "Accountant", "Warehouse Manager", "Assistant")
