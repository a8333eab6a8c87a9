"""What users write: the kinds, their rules, their names and the catalogues behind them."""
