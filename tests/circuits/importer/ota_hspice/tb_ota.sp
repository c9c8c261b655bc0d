* Five-transistor OTA: gain, phase, step response over supply and skew
.option post=2 probe ingold=2 runlvl=5 accurate
+ measdgt=7 scale=1 reltol=1e-4
.lib 'models.l' tt
.inc "ota.inc"
.global gnd!
.param wn=10u wp=10u lch=0.5u cl=2p           $ what is sized
.param supply=2.0 vcm='supply/2' ib=20u rb=1x
.param share(a,b)='a/(a+b)'

vdd vdd gnd! supply
vip inp gnd! dc='vcm' ac=1 pulse(vcm 'vcm+0.1' 10n 1n 1n 400n 1u)
vin inn out_dc 0                              $ closed at DC, open in AC
lfb out_dc out 1x
cfb out_dc gnd! 1x
rload out gnd! 'rb*share(3,1)'
xdut inp inn out vdd ota wn=wn wp=wp lch=lch ib=ib
cl out gnd! cl

.op
.ac dec 20 1 1g sweep temp poi 2 25 85
.tran 0.5n 300n sweep temp poi 2 25 85
.probe v(out)
.print tran v(out) i(vdd)

.meas ac gain max vdb(out,gnd!)
.meas ac gbw when vdb(out)=0 fall=1
.meas ac phase find vp(out) when vdb(out)=0
.meas tran itot avg i(vdd) from=1n to=9n
.meas tran power param='-supply*itot'
.meas tran swing max par('v(inp)-v(inn)') from=9n to=300n
.meas tran start find v(inp) at=1n
.meas tran rise trig v(inp) val='vcm+0.02' rise=1
+ targ v(inp) val='vcm+0.08' rise=1
.meas tran slew param='0.06/rise'

.alter low supply
.param supply=1.8
.alter high supply
.param supply=2.2
.end
everything behind .end is nobody's business
