* bipolar: a vertical PNP to the substrate, 25 um2 of emitter (our own, no foundry's data)
* is: 0.72 V at 4.5 uA. bf, vaf, ikf: textbook values of such a parasitic device. eg: so that the
* sum with a proportional voltage has no temperature coefficient near 1.2 V. xti: silicon.
.model pnp5 pnp is=2.2e-18 bf=4 vaf=60 ikf=200u ise=1e-16 ne=2 rb=150 re=8 rc=40
+ br=0.1 eg=1.145 xti=3 xtb=0.8 cje=20f vje=0.75 mje=0.4 cjc=15f vjc=0.65 mjc=0.35 tf=1n tnom=25
