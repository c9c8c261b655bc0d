"""For every circuit of the library a design that meets all of its specs.

Found by CMA-ES on the summed violations of the specs; four digits are enough to meet them.
"""

from __future__ import annotations

from circuits.units import parse_quantity

_TEXTS = {
    "five_transistor_ota": """
        w1=67.16u l1=445.7n w2=4.859u l2=539.8n w3=5.432u w4=56.35u l3=282.1n
    """,
    "folded_cascode_ota": """
        w1=1u l1=791.2n w2=30.26u w3=200u l3=324.7n w4=8.065u l4=561.2n w5=131.6u w6=30.87u
        l6=278.1n w7=722.8n l7=529.1n w8=641.2n l8=433.2n w9=18.92u l9=381.7n w10=17.7u l10=644.1n
    """,
    "three_stage_amplifier": """
        w1=12.69u l1=794.6n w2=3.869u l2=790.1n w3=26.86u w4=93.89u l4=569.6n w5=1.785u l5=471.5n
        w6=2.11u w7=3.208u l7=674.4n w8=1.542u w9=40.86u l9=373.8n w10=62.82u c1=1.526p c2=763.4f
        r1=12.72k
    """,
    "low_dropout_regulator": """
        w1=10.08u l1=875.4n w2=1u l2=998.1n w3=1.963u l3=419.6n w4=7.158u w5=3.763u l5=637.8n
        w6=14.42u w7=7.805u l7=111.2n l8=109.3n m8=88 r1=41.19k c1=352f
    """,
    "bandgap_reference": """
        w1=17.05u l1=1u w2=100u l2=712.8n w3=5.882u l3=705.8n w4=2.459u l4=208.2n w5=3.67u m6=9
        r1=13.92k r2=124.8k c1=2.654p
    """,
    "strongarm_comparator": """
        w1=3.263u w2=18.3u l2=80.61n w3=1.493u l3=80n w4=347.2n l4=93.51n w5=672n w6=290.5n
        w7=652.5n w8=635.6n
    """,
    "sky130_five_transistor_ota": """
        w1=31.27u l1=999.4n w2=71.03u l2=546.6n w3=1.897u w4=10.69u l3=429.7n
    """,
    "two_stage_amplifier": """
        w1=18.83u l1=941.5n w2=33.67u l2=689.5n w3=13.75u l3=629.9n w4=5.665u l4=827.5n w5=31.44u
        l5=596.5n w6=7.711u l6=836.2n c1=3.931p r1=100k
    """,
    "hysteresis_comparator": """
        w1=94.06u l1=125.9n w2=31.35u l2=93.38n w3=98.42u l3=492.4n w4=141.3u l4=583.1n w5=92.37u
        l5=218.9n w6=92.83u l6=702.1n
    """,
    "sky130_two_stage_amplifier": """
        w1=1.728u l1=1.012u w2=2.18u l2=934.4n w3=1.941u l3=282.8n w4=2.564u w5=31.22u l5=263.5n
        w6=8.39u c1=403.8f r1=46.52k
    """,
}

GOOD_DESIGNS: dict[str, dict[str, float]] = {
    name: {
        variable: parse_quantity(value)
        for variable, value in (given.split("=") for given in text.split())
    }
    for name, text in _TEXTS.items()
}
"""Values in SI units by variable, by circuit."""
