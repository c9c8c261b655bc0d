"""A model library built as GF180MCU's is, with numbers of its own.

Sections that call each other in quotes, switches in a file beside it, binned models outside of
subcircuits with names of parameters for values, `.param` alone on its line, comments and blank
lines between continuation lines, mismatch drawn inside the subcircuits, temperature in resistors.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

LIBRARY = "sm141064.ngspice"
DESIGN = """* switches
**
.param
+  sw_stat_global = 0
+  sw_stat_mismatch = 0
**
********* Default mc skew value *********
**
+ mc_skew = 3
+ res_mc_skew = 3
**
+  fnoicor = 0
"""
_TOP = """* a library in the manner of GF180MCU
*
.LIB typical
 .lib 'sm141064.ngspice' nfet_03v3_t
 .lib 'sm141064.ngspice' pfet_03v3_t
*
 .param rsh_nplus_u_m=60
 .param nfet_06v0_tox = '-1E-9*0.75'
 .lib 'sm141064.ngspice' noise_corner
 .lib 'sm141064.ngspice' fets_mm
.ENDL
*
.LIB ss
 .lib 'sm141064.ngspice' nfet_03v3_s
 .lib 'sm141064.ngspice' pfet_03v3_t
 .param rsh_nplus_u_m=75
 .lib 'sm141064.ngspice' noise_corner
 .lib 'sm141064.ngspice' fets_mm
.ENDL
*
.LIB statistical
 .param

* MOSFET statistical parameters
 + mc_sig_vth2 = agauss(0, 1, 3)

 + mc_sig_vth = mc_sig_vth2

 .param
 + nfet_03v3_shift = '(5e-3*mc_sig_vth+30e-3*mc_sig_vth)*sw_stat_global*mc_skew'
 + nfet_03v3_tox = '8e-009 + 1.6e-10*mc_sig_vth*sw_stat_global*mc_skew'
.param
+ rsh_nplus2_u=60

+ rsh_nplus_u_m = 'rsh_nplus2_u*(1+(mc_sig_vth/(rsh_nplus2_u))*res_mc_skew*sw_stat_global)'
 .lib 'sm141064.ngspice' fets_mm
 .lib 'sm141064.ngspice' nfet_03v3
 .lib 'sm141064.ngspice' pfet_03v3_t
 .lib 'sm141064.ngspice' noise_corner
.ENDL
*
.LIB noise_corner
 .param
 +nfet_03v3_noia='(fnoicor==0)*3.2e+041 + (fnoicor==1)*3.5e+042'
.ENDL
*
.lib nfet_03v3_t
.param nfet_03v3_shift=0 nfet_03v3_tox=8e-9
.lib 'sm141064.ngspice' nfet_03v3
.endl nfet_03v3_t
.lib nfet_03v3_s
.param nfet_03v3_shift=30m nfet_03v3_tox='8e-9*1.05'
.lib 'sm141064.ngspice' nfet_03v3
.endl nfet_03v3_s

.lib fets_mm
"""
_FET = """.subckt {name} d g s b w=1e-5 l=2.8e-7
+ as=0 ad=0 ps=0 pd=0 nrd=0 nrs=0 par=1 dtemp=0
+ sa=0 sb=0 nf=1 sd=0 m=1

.param
+ par_vth=0.007148
+ par_l=1.5e-7
+ par_w=-1e-7
+ par_leff='l-par_l'
+ par_weff='par*(w-par_w)'
+ p_sqrtarea='sqrt((par_leff)*(par_weff))'

.param
+ var_vth='0.7071*par_vth* 1e-06 / p_sqrtarea'
+ mis_vth=agauss(0,var_vth,1)

m0 d g s b {name} w=w l=l as=as ad=ad ps=ps pd=pd nrd=nrd nrs=nrs
+delvto='mis_vth*sw_stat_mismatch'  sa=sa sb=sb nf=nf sd=sd
.ends {name}
*------------------------------------------------------------------------
"""
_DRAIN = """
.lib nfet_03v3
.subckt nfet_03v3_dss d g s b w=10u l=0.28u par=1 s_sab=0.48u d_sab=1.78u as=0 ad=0 nf=1 m=1
xr1 d d1 b nplus_u_m1 wr='w' lr='(d_sab==0) ? 1e-15 : d_sab'
m0 d1 g s b nfet_03v3 w='w' l='l' as=as ad=ad nf=nf
.ends

* model for a resistor of the drain
.subckt nplus_u_m1 1 2 3 lr=lr wr=wr dtemp=0 par=1
*-------------------
*.param rsh_nplus_u_m=185
+ r_rsh0=rsh_nplus_u_m
+ r_dw=2.75E-8
+ r_vc1=1e-3
+ r_tc1=1.375E-3
+ r_tnom=25
+ r_w='wr-2*r_dw'
+ r_n='lr/r_w'
+ r_temp='1+r_tc1*(temper+dtemp-r_tnom)'
.model pn_junction d
+ Level=1
+ Cjo=0.00094344
+ M=0.32084
*-------------------
d1  1 3  pn_junction  area='r_w*lr*1e6'
rb  1 2 r='r_temp*r_n*(r_rsh0+r_vc1*abs(v(1,2))/r_n)'
.ends nplus_u_m1
"""
LENGTHS = (2.8e-7, 5e-7, 1.2e-6, 5.0001e-5)
WIDTHS = (2.2e-7, 1.2e-6, 1.00001e-4)


def write(root: Path) -> Path:
    """A PDK's folder at `root` with such a library; returns the library."""
    folder = root / "libs.tech" / "ngspice"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "design.ngspice").write_text(DESIGN, encoding="ascii")
    cells = [_FET.format(name=name) for name in ("nfet_03v3", "pfet_03v3")]
    text = "".join([_TOP, *cells, "\n.endl fets_mm\n", _DRAIN, *_bins("nfet_03v3", "nmos")])
    text += "".join([".endl nfet_03v3\n.lib pfet_03v3_t\n", *_bins("pfet_03v3", "pmos"), ".endl\n"])
    library = folder / LIBRARY
    library.write_text(text, encoding="ascii")
    return library


def _bins(name: str, kind: str) -> Iterator[str]:
    number = 0
    for low_w, high_w in pairwise(WIDTHS):
        for low_l, high_l in pairwise(LENGTHS):
            yield _bin(name, kind, number, (low_l, high_l, low_w, high_w))
            number += 1


def _bin(name: str, kind: str, number: int, edges: tuple[float, float, float, float]) -> str:
    threshold = 0.66 + 0.01 * number
    own = (
        f"+ vth0 = '{threshold:g} + nfet_03v3_shift'\n+ toxe = nfet_03v3_tox\n"
        f"+ noia    = nfet_03v3_noia  \n"
        if kind == "nmos"
        else f"+ vth0 = {-threshold:g}\n+ toxe = 7.9e-009\n"
    )
    lmin, lmax, wmin, wmax = edges
    return (
        f".model  {name}.{number}  {kind}\n+level = 54\n"
        f"+lmin    = {lmin!r}      \n+lmax    = {lmax!r}\n***** dW and dL Parameter ***\n"
        f"+wmin    = {wmin!r}      wmax    = {wmax!r}\n+version = 4.5           \n\n"
        f"+binunit = 2             \n+tnom    = 25\n{own}"
        f"+u0      = {0.03 if kind == 'nmos' else 0.009!r}   lvth0 = -{3 + number}e-8\n"
        "+rsh     = 7\n+kt1 = -0.45\n"
    )
