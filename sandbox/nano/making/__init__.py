"""How nano is made: data from the sandbox, training, evaluation. Not part of the wheel."""
