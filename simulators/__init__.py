"""How a design is measured: netlists, the ngspice host, pools."""
