"""What the membrane potential amounts to, one readout a module, each beside its gradient.

The functions themselves are handed on at the top: ``tempotron_core.peak`` is the function,
``tempotron_core.readouts.peak`` the module that defines it.
"""
