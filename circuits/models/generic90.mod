* generic90: BSIM4 cards of a generic 90 nm-class CMOS process at 2.0 V (our own, Apache-2.0)
*
* No foundry's data. Each figure is a textbook value for the node or a choice for smoothness;
* docs/circuits.md says where each comes from. One bin covers W 0.09-200 um, L 0.08-1 um: no
* binning, no width dependence but W itself, no clamp that a sizing could run into.
*
* toxe 2.8 nm: oxide of a 2.0 V device. vth0 +-0.40 V: a fifth of the supply. u0: 300/90 cm2/Vs,
* the usual ratio of 3.3 between electrons and holes. vsat 1.0e5/0.8e5 m/s. ndep 2e17 cm-3.
* xj 40 nm, lint 5 nm: half of the usual junction depth. rdsw 200/400 ohm um. cgso/cgdo 0.25 fF/um.
* cj 1.0 fF/um2, cjsw 0.10 fF/um. dmcg 100 nm: half of a contacted drain, from which the model
* itself derives the areas of source and drain junctions (geomod 0, permod 1).
.model nch nmos level=14 version=4.5 binunit=1 paramchk=0
+ mobmod=0 capmod=2 igcmod=0 igbmod=0 diomod=1 rdsmod=0 rbodymod=0 rgatemod=0 trnqsmod=0 acnqsmod=0
+ permod=1 geomod=0 fnoimod=1 tnoimod=0 tempmod=0 tnom=25
+ toxe=2.8e-9 toxp=2.5e-9 toxm=2.8e-9 epsrox=3.9 xj=4e-8 ndep=2e17 ngate=1e20 nsd=1e20
+ lint=5e-9 wint=0 dmcg=1e-7 dmci=1e-7 dwj=0 xgw=0
+ vth0=0.40 k1=0.50 k2=0.01 k3=0 k3b=0 w0=0 dvt0=1.0 dvt1=0.8 dvt2=0 dvt0w=0 dvt1w=0 lpe0=0 lpeb=0
+ u0=0.030 ua=6e-10 ub=1.2e-18 uc=0 eu=1.67 vsat=1.0e5 a0=1.0 ags=0.1 a1=0 a2=1 b0=0 keta=-0.01
+ voff=-0.09 voffl=0 minv=0.05 nfactor=1.1 cit=0 cdsc=2e-4 cdscb=0 cdscd=0 eta0=0.05 etab=-0.02 dsub=0.4
+ pclm=1.2 pdiblc1=0.39 pdiblc2=0.0086 pdiblcb=0 drout=0.35 pvag=0 delta=0.01 pscbe1=8e8 pscbe2=1e-9 fprout=0
+ rdsw=200 rdswmin=0 prwg=0 prwb=0 wr=1 dwg=0 dwb=0 alpha0=0 alpha1=0 beta0=30 agidl=0 bgidl=2.3e9
+ cgso=2.5e-10 cgdo=2.5e-10 cgbo=0 cgsl=0 cgdl=0 ckappas=0.6 ckappad=0.6 cf=0 clc=1e-7 cle=0.6 xpart=0
+ jss=1e-6 jsws=1e-12 jswgs=1e-12 njs=1 ijthsfwd=0.1 ijthsrev=0.1 bvs=10 xjbvs=1
+ cjs=1.0e-3 mjs=0.5 pbs=0.9 cjsws=1.0e-10 mjsws=0.33 pbsws=0.9 cjswgs=1.5e-10 mjswgs=0.33 pbswgs=0.9
+ kt1=-0.11 kt1l=0 kt2=0.022 ute=-1.5 ua1=1e-9 ub1=-1e-18 uc1=-5.6e-11 at=3.3e4 prt=0 tpb=0 tpbsw=0 tcj=0 tcjsw=0
+ xtis=3 rsh=5 noia=6.25e41 noib=3.125e26 noic=8.75e9 em=4.1e7 ef=1 af=1 kf=0
.model pch pmos level=14 version=4.5 binunit=1 paramchk=0
+ mobmod=0 capmod=2 igcmod=0 igbmod=0 diomod=1 rdsmod=0 rbodymod=0 rgatemod=0 trnqsmod=0 acnqsmod=0
+ permod=1 geomod=0 fnoimod=1 tnoimod=0 tempmod=0 tnom=25
+ toxe=2.8e-9 toxp=2.5e-9 toxm=2.8e-9 epsrox=3.9 xj=4e-8 ndep=2e17 ngate=1e20 nsd=1e20
+ lint=5e-9 wint=0 dmcg=1e-7 dmci=1e-7 dwj=0 xgw=0
+ vth0=-0.40 k1=0.50 k2=0.01 k3=0 k3b=0 w0=0 dvt0=1.0 dvt1=0.8 dvt2=0 dvt0w=0 dvt1w=0 lpe0=0 lpeb=0
+ u0=0.009 ua=9e-10 ub=8e-19 uc=0 eu=1.0 vsat=0.8e5 a0=1.0 ags=0.1 a1=0 a2=1 b0=0 keta=-0.01
+ voff=-0.09 voffl=0 minv=0.05 nfactor=1.1 cit=0 cdsc=2e-4 cdscb=0 cdscd=0 eta0=0.05 etab=-0.02 dsub=0.4
+ pclm=1.4 pdiblc1=0.39 pdiblc2=0.0086 pdiblcb=0 drout=0.35 pvag=0 delta=0.01 pscbe1=8e8 pscbe2=1e-9 fprout=0
+ rdsw=400 rdswmin=0 prwg=0 prwb=0 wr=1 dwg=0 dwb=0 alpha0=0 alpha1=0 beta0=30 agidl=0 bgidl=2.3e9
+ cgso=2.5e-10 cgdo=2.5e-10 cgbo=0 cgsl=0 cgdl=0 ckappas=0.6 ckappad=0.6 cf=0 clc=1e-7 cle=0.6 xpart=0
+ jss=1e-6 jsws=1e-12 jswgs=1e-12 njs=1 ijthsfwd=0.1 ijthsrev=0.1 bvs=10 xjbvs=1
+ cjs=1.0e-3 mjs=0.5 pbs=0.9 cjsws=1.0e-10 mjsws=0.33 pbsws=0.9 cjswgs=1.5e-10 mjswgs=0.33 pbswgs=0.9
+ kt1=-0.11 kt1l=0 kt2=0.022 ute=-1.5 ua1=1e-9 ub1=-1e-18 uc1=-5.6e-11 at=3.3e4 prt=0 tpb=0 tpbsw=0 tcj=0 tcjsw=0
+ xtis=3 rsh=5 noia=6.25e41 noib=3.125e26 noic=8.75e9 em=4.1e7 ef=1 af=1 kf=0
