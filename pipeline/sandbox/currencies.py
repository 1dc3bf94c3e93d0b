"""The currencies money can be charged in, and amounts as people write them.

Source: ISO 4217 list one, 2026-01-01, without the codes that have no minor unit (metals, testing, units of account).
"""

import re

_CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF
CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD
HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD
MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN
PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD
TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = frozenset(_CODES.split())
_DIGITS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),  # noqa: SIM905
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),  # noqa: SIM905
    **dict.fromkeys("CLF UYW".split(), 4),  # noqa: SIM905
}
_AMOUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,12}))?")


def digits(currency: str) -> int:
    """How many decimals an amount in this currency has."""
    return _DIGITS.get(currency, 2)


def minor_units(amount: str, currency: str) -> int:
    """Minor units of an amount like `12.50`, exactly. Raises ValueError: no such amount, or too many decimals."""
    found = _AMOUNT.fullmatch(amount)
    if found is None:
        raise ValueError("an amount is written like 12.50")
    whole, decimals = found[1], (found[2] or "").rstrip("0")
    if len(decimals) > digits(currency):
        raise ValueError(f"an amount in {currency} has at most {digits(currency)} decimals")
    return int(whole + decimals.ljust(digits(currency), "0"))


def major_units(amount_minor: int, currency: str) -> str:
    """The amount as people write it, with all decimals: `12.50`."""
    sign, text = "-" if amount_minor < 0 else "", str(abs(amount_minor)).rjust(digits(currency) + 1, "0")
    if not digits(currency):
        return sign + text
    return f"{sign}{text[: -digits(currency)]}.{text[-digits(currency) :]}"
