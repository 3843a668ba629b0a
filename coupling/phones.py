"""Country calling codes, for comparing phone numbers written with and without a prefix. No Django here.

Facts from the numbering plans of the countries (ITU-T E.164).
"""

_CODES = (
    "1:US CA PR DO JM TT BS BB BM AG DM GD KN LC VC VG VI KY TC MS AI AS GU MP SX 7:RU KZ 20:EG 27:ZA 30:GR 31:NL "
    "32:BE 33:FR 34:ES 36:HU 39:IT VA 40:RO 41:CH 43:AT 44:GB GG IM JE 45:DK 46:SE 47:NO SJ 48:PL 49:DE 51:PE "
    "52:MX 53:CU 54:AR 55:BR 56:CL 57:CO 58:VE 60:MY 61:AU 62:ID 63:PH 64:NZ 65:SG 66:TH 81:JP 82:KR 84:VN 86:CN "
    "90:TR 91:IN 92:PK 93:AF 94:LK 95:MM 98:IR 211:SS 212:MA 213:DZ 216:TN 218:LY 220:GM 221:SN 222:MR 223:ML "
    "224:GN 225:CI 226:BF 227:NE 228:TG 229:BJ 230:MU 231:LR 232:SL 233:GH 234:NG 235:TD 236:CF 237:CM 238:CV "
    "239:ST 240:GQ 241:GA 242:CG 243:CD 244:AO 245:GW 248:SC 249:SD 250:RW 251:ET 252:SO 253:DJ 254:KE 255:TZ "
    "256:UG 257:BI 258:MZ 260:ZM 261:MG 262:RE YT 263:ZW 264:NA 265:MW 266:LS 267:BW 268:SZ 269:KM 291:ER 297:AW "
    "298:FO 299:GL 350:GI 351:PT 352:LU 353:IE 354:IS 355:AL 356:MT 357:CY 358:FI AX 359:BG 370:LT 371:LV 372:EE "
    "373:MD 374:AM 375:BY 376:AD 377:MC 378:SM 380:UA 381:RS 382:ME 383:XK 385:HR 386:SI 387:BA 389:MK 420:CZ "
    "421:SK 423:LI 501:BZ 502:GT 503:SV 504:HN 505:NI 506:CR 507:PA 509:HT 590:GP 591:BO 592:GY 593:EC 594:GF "
    "595:PY 596:MQ 597:SR 598:UY 670:TL 673:BN 675:PG 676:TO 677:SB 678:VU 679:FJ 685:WS 687:NC 689:PF 850:KP "
    "852:HK 853:MO 855:KH 856:LA 880:BD 886:TW 960:MV 961:LB 962:JO 963:SY 964:IQ 965:KW 966:SA 967:YE 968:OM "
    "970:PS 971:AE 972:IL 973:BH 974:QA 975:BT 976:MN 977:NP 992:TJ 993:TM 994:AZ 995:GE 996:KG 998:UZ "
)


def _read() -> dict[str, str]:
    codes: dict[str, str] = {}
    code = ""
    for word in _CODES.split():
        if ":" in word:
            code, word = word.split(":")
        codes[word] = code
    return codes


CALLING_CODE: dict[str, str] = _read()
"""ISO 3166 country -> calling code without the plus sign."""

KEEPS_ZERO = frozenset({"IT", "VA", "SM", "CI", "CG", "GA"})
"""Countries whose numbers keep a leading zero when they are dialled from abroad."""

TRUNK_8 = frozenset({"RU", "KZ", "BY", "TM"})
"""Countries that put an 8 before a national number."""


def canonical(text: str, country: str) -> str:
    """The number's digits with its country's calling code in front; "" when there is no digit.

    `country` (ISO 3166) is the country of numbers that name none; blank leaves such numbers without a code, so that
    they equal only numbers written the same way. An extension ("ext. 12", "x12") stays part of the number.
    """
    lowered = text.casefold()
    extension = ""
    for mark in ("ext", "x", "#"):
        head, found, tail = lowered.partition(mark)
        if found and (inner := _digits(tail)) and _digits(head):
            lowered, extension = head, f"x{inner}"
            break
    lowered = lowered.replace("(0)", "") if "+" in lowered else lowered
    digits = _digits(lowered)
    if not digits:
        return ""
    code = CALLING_CODE.get(country.upper(), "")
    if lowered.lstrip().lstrip("(").startswith("+"):
        return digits + extension
    if digits.startswith("00") and len(digits) > 6:
        return digits[2:] + extension
    if not code:
        return digits + extension
    if code == "1":
        if digits.startswith("011") and len(digits) > 11:
            return digits[3:] + extension
        return (digits if len(digits) == 11 and digits[0] == "1" else "1" + digits) + extension
    trunk = "8" if country.upper() in TRUNK_8 else "" if country.upper() in KEEPS_ZERO else "0"
    if trunk and digits.startswith(trunk):
        digits = digits[1:]
    return code + digits + extension


def _digits(text: str) -> str:
    """The decimal digits of any script, as ASCII."""
    return "".join(str(int(sign)) for sign in text if sign.isdecimal())
