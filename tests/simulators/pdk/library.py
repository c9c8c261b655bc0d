"""A small PDK of the sky130 family: cells with bins, global parameters, corners, mismatch."""

from __future__ import annotations

from pathlib import Path

NAME = "sky130.lib.spice"
_SECTIONS = """* a library
.option scale=1e-6
.lib tt
.include "corners/tt.spice"
.include "all.spice"
.endl tt
.lib ss
.include 'corners/ss.spice'
.include "all.spice"
.endl ss
.lib both
.lib "sky130.lib.spice" tt
.param extra=1
.endl
"""
_BROKEN = """.lib round
.lib "sky130.lib.spice" round
.endl
.lib outside
.include "../../../../elsewhere.spice"
.endl
.lib circle
.include "circle.spice"
.endl
.lib missing
.include "nothing.spice"
.endl
.lib lost
.lib "sky130.lib.spice" nowhere
.endl
"""
_ALL = """* cells
.option scale=1e-6
.param mm_factor={1/3} base='0.4+vth_shift' mc_mm_switch=0
.param toxe_n={2e-9*
+ tox_mult}
.param rs=100
.subckt nfet d g s b w=1 l=1 nf=1 mult=1 ad='int((nf+1)/2)*w/nf*0.29' as=0
+ sd=0.28
mnfet d g s b nfet__model w={w} l={l} nf={nf} ad={ad} as={as} nrd={0.1/w} nrs=0.2
.model nfet__model.0 nmos level=54 version=4.5
+ lmin=1.4e-07 lmax=1e-06 wmin=3.5e-07 wmax=2e-06
+ toxe={toxe_n} rsh={89.1*nf/w+rs} u0=0.03
+ vth0={base+0.01+mc_mm_switch*agauss(0,1.0,1)*(2.5e-3/sqrt(l*w*mult))*mm_factor}
.model nfet__model.1 nmos level=54 version=4.5
+ lmin=1e-06 lmax=1e-04 wmin=3.5e-07 wmax=2e-06
+ toxe={toxe_n} rsh={89.1*nf/w+rs} u0=0.03
+ vth0={base+mc_mm_switch*agauss(0,1.0,1)*(2.5e-3/sqrt(l*w*mult))*mm_factor}
.model nfet__model.2 nmos level=54 version=4.5
+ lmin=1.4e-07 lmax=1e-04 wmin=2e-06 wmax=1e-03
+ toxe={toxe_n} rsh={89.1*nf/w+rs} u0=0.03
+ vth0={base-0.01+mc_mm_switch*agauss(0,1.0,1)*(2.5e-3/sqrt(l*w*mult))*mm_factor}
.ends nfet
.subckt pfet d g s b w=1 l=1 nf=1
mpfet d g s b pmodel w={w} l={l} nf={nf}
.model pmodel.0 pmos level=54 version=4.5 lmin=1e-07 lmax=1e-04 wmin=1e-07 wmax=1e-03
+ toxe={toxe_n} vth0={-base} lvth0={l_bow*1e-9}
.param l_bow={l*2}
.ends
.subckt res a b w=1 l=1
.param r_body={rs*l/w}
rbody a b rmodel w={w} l={l}
rtemp b 0 r='r_body*1meg*(1+1m*(temper-25))'
.model rmodel r rsh={rs*(1+mc_mm_switch*agauss(0,0.1,1))} tc1=1m
.ends
.model dglobal d is={1e-15*tox_mult} cjo=1p
"""


def _corner(name: str) -> str:
    return f'.lib {name}\n.include "corners/tt.spice"\n.include "all.spice"\n.endl\n'


def texts(*, broken: bool = False, corners: bool = False) -> dict[str, str]:
    """Files of the library by path beside it; `corners` adds ff, sf and fs, which are as tt."""
    top = _SECTIONS + (_BROKEN if broken else "")
    top += "".join(map(_corner, ("ff", "sf", "fs"))) if corners else ""
    return {
        NAME: top,
        "all.spice": _ALL,
        "circle.spice": '.include "circle.spice"\n',
        "corners/tt.spice": ".param vth_shift=0 tox_mult=1\n",
        "corners/ss.spice": ".param vth_shift=30m tox_mult='1.05'\n",
    }


def write(root: Path, *, broken: bool = False) -> Path:
    """A PDK's folder at `root`, with sections that cannot be read if `broken`; the library."""
    folder = root / "libs.tech" / "combined"
    (folder / "corners").mkdir(parents=True, exist_ok=True)
    (root.parent / "elsewhere.spice").write_text(".param secret=1\n", encoding="ascii")
    for name, text in texts(broken=broken).items():
        (folder / name).write_text(text, encoding="ascii")
    return folder / NAME
