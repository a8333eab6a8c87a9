"""
Scalers of other products, each re-implemented from its published formula; none of their code is here.

They see what ours sees, one difference aside: formulas that count at a proxy get the gateway's own number. Their fleets
drain and load like ours.
"""
