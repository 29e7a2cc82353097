"""What a flow file says, as data: the flow, its steps, their targets and expectations.

A step is a mapping with one key that names what it does ("click", "type", "check" …), and keys that say how.
Everything is frozen, takes no unknown key, and holds no value of a variable: `${…}` stands in the texts until
a step is run, and is then filled in as data.
"""
