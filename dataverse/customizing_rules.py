"""Refusals while tables, columns, roles and users are made: rows of the table of error_rules.

"There already" has a code of its own for each kind, and is never proof that the thing is there: a table that was
deleted half an hour ago answers the same (Web service error codes; public deployment scripts).
"""

from dataverse.error_rule import Rule
from dataverse.errors import ConfigurationError, CustomizationLocked, CustomizationsBlocked, Duplicate, Invalid

_LOCKED = (
    "Somebody else is importing, publishing or customizing in this Dataverse environment, which allows one at a time.",
    "Wait until that has ended; Solution history in Power Apps shows it. Then try again.",
)

_THERE = "Try again in a minute: what is there already is read first, and used."

# fmt: off
CUSTOMIZING_RULES: tuple[Rule, ...] = (
    Rule("0x80071151", CustomizationLocked, *_LOCKED),
    Rule("0x80048d3d", CustomizationLocked,
         "Dataverse is busy with other changes of its definitions, and did not begin this one in time.",
         "Try again in a few minutes."),
    Rule("0x80072042", CustomizationsBlocked,
         "This environment does not allow unmanaged customizations, so no table, column or role can be made in it.",
         "Ask its administrator to allow them in the Power Platform admin center for as long as the preparation takes, "
         "or to import the solution file."),
    Rule("0x80044195", Invalid,
         "Labels were sent in a language that the environment does not have. Dataverse says: {said}",
         "Try again: the languages are read anew.",
         reason="configuration"),
    Rule("0x80047019", Invalid,
         "Solutions and publishers can only be made by somebody whose language in Dataverse is the environment's base "
         "language.",
         "Change the language in your personal settings in Power Apps, then sign in again.",
         reason="configuration"),
    Rule("0x8004F510", ConfigurationError,
         "The tenant of this environment does not know the application: nobody there has consented to it.",
         "Ask an administrator of that tenant to grant admin consent to the application, then try again.",
         reason="sign_in"),
    Rule("0x8004F511", Duplicate, "The environment already has a user for this application.", _THERE),
    Rule("0x80041D48", Invalid,
         "Dataverse does not let this user of an application be changed.",
         "Enable it in the Power Platform admin center under Users + permissions, Application users.",
         reason="denied"),
    Rule("0x8004F023", Duplicate, "The environment already has a solution of that name.", _THERE),
    Rule("0x8004700b", Duplicate, "Dataverse already has a table of that name.", _THERE),
    Rule("0x80047013", Duplicate, "The table in Dataverse already has a column of that name.", _THERE),
    Rule("0x8004432B", Duplicate, "Dataverse already has a relationship of that name.", _THERE),
    Rule("0x80072551", Duplicate, "The table in Dataverse already has a relationship of that name.", _THERE),
    Rule("0x80060893", Duplicate, "The table in Dataverse already has a key of that name.", _THERE),
    Rule("0x80060894", Duplicate, "The table in Dataverse already has a key of these columns.", _THERE),
    Rule("0x80060890", Duplicate, "Dataverse already has something of that name in a solution.", _THERE),
    Rule("0x80044345", Duplicate, "Dataverse already has a choice of that name.", _THERE),
    Rule("0x80048403", Duplicate, "The choice in Dataverse already has an option of that value.", _THERE),
    Rule("0x80041403", Duplicate, "Dataverse already has a security role of that name in this business unit.", _THERE),
    Rule("0x80044363", Duplicate,
         "Dataverse already has a table, column or relationship of that name, or deleted one less than half an hour "
         "ago.",
         "Where it was deleted, wait half an hour; then try again."),
)
# fmt: on
