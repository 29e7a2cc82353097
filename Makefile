# Two commands do everything: `make demo` shows it work, `make test` checks the rest.
# Each sets up what it needs first, once: see .dev/setup.

PYTHON := .venv/bin/python
export PYTHONUNBUFFERED := 1

.PHONY: demo test test-faults attacks nano nightly windows desktops setup-demo setup-test setup-desktops format lint types tests engines ends house bench clean

demo: setup-demo
	.venv/bin/qvl-agent demo

test: setup-test lint types tests

setup-demo:
	@sh .dev/setup demo

setup-test:
	@sh .dev/setup test

setup-desktops:
	@sh .dev/setup desktops

format: setup-test
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

lint:
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	.venv/bin/lint-imports

types:
	$(PYTHON) -m mypy

tests:
	$(PYTHON) -m pytest -n 2 --dist worksteal -q --durations=15 --faults line

# Every fault in docs/faults.md, and a table of what came of each.
test-faults: setup-test
	$(PYTHON) -m pytest -n 2 --dist worksteal -q -m fault --faults table

# Every attack in real windows with its controls, and a table by family.
attacks: setup-test
	$(PYTHON) benchmarks/attacks.py

# nano from nothing: its data, both stages of its training, its checkpoint; goes on where it was cut off. docs/nano.md
NANO := build/nano
NANO_PICTURES := 6000
NANO_DEVICE := cpu
NANO_SEE := --minutes 48
NANO_SPEAK := --minutes 200
NANO_MEMORY := LD_PRELOAD="$(firstword $(wildcard /usr/lib/*/libjemalloc.so.2))" MALLOC_CONF="oversize_threshold:1,$\
	background_thread:true,metadata_thp:auto,dirty_decay_ms:-1,muzzy_decay_ms:-1"
nano: setup-test
	$(PYTHON) -m qvl_agent.sandbox.nano.making data $(NANO)/data --pictures $(NANO_PICTURES)
	[ -f $(NANO)/data/tokenizer.json ] || $(PYTHON) -m qvl_agent.sandbox.nano.making tokens $(NANO)/data
	$(NANO_MEMORY) $(PYTHON) -m qvl_agent.sandbox.nano.making see $(NANO)/data --state $(NANO)/see --device $(NANO_DEVICE) $(NANO_SEE)
	$(NANO_MEMORY) $(PYTHON) -m qvl_agent.sandbox.nano.making speak $(NANO)/data --state $(NANO)/speak --after $(NANO)/see \
		--device $(NANO_DEVICE) $(NANO_SPEAK)
	$(PYTHON) -m qvl_agent.sandbox.nano.making export $(NANO)/speak sandbox/nano/checkpoint

# What takes too long for every day: all faults and the nightly tests, then each script with its full count; hours.
NIGHTLY := fuzz_replies.py reconcile.py freshness.py typing_exact.py attacks.py nagging.py kill_switch.py release.py desktops.py engine_kills.py nano_engines.py
nightly: setup-test
	@failed=; $(PYTHON) -m pytest -q -m "nightly or fault" --faults table --timeout 7200 || failed="$$failed tests"; \
	for script in $(NIGHTLY); do \
		echo "== $$script"; $(PYTHON) benchmarks/$$script || failed="$$failed $$script"; \
	done; \
	$(MAKE) ends || failed="$$failed ends"; \
	$(MAKE) windows || failed="$$failed windows"; \
	[ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

# The Windows desktop on Linux: its tests by a Windows Python, in Wine (1 GB, made once).
windows: setup-test
	$(PYTHON) .dev/windows -q

# The tests of each kind of desktop, GNOME's and RDP's too (600 MB of packages), and what each can do, as the table in the README.
desktops: setup-desktops
	$(PYTHON) -m pytest -q $(addprefix tests/,$(DESKTOPS))
	$(PYTHON) benchmarks/desktops.py --readme
DESKTOPS := agent/registry/test_rdp.py actions/desktops/test_vnc.py actions/desktops/test_wayland.py agent/doctor/test_hands.py gnome

# Real engines serve a tiny checkpoint: llama.cpp, and vLLM in an environment of its own (3.5 GB).
engines: setup-test
	@sh .dev/engines
	$(PYTHON) tests/support/engines.py

# The tests of checkpoints with the oldest and the newest versions that pyproject.toml allows (8 GB in all).
ends: setup-test
	@for end in oldest newest; do \
		sh .dev/ends $$end && .venv-$$end/bin/python -m pytest -n0 -q $(addprefix tests/agent/models/test_,$(ENDS)) || exit 1; \
	done
ENDS := checkpoint.py constrain.py loading.py pictures.py presets.py

# Modules and their sizes, long functions, folders, very small modules, contracts.
house: setup-test
	$(PYTHON) .dev/house

bench: setup-test
	$(PYTHON) benchmarks/step_overhead.py
	$(PYTHON) benchmarks/model_steps.py
	$(PYTHON) benchmarks/request_pictures.py
	$(PYTHON) benchmarks/first_request.py

clean:
	rm -rf .venv .venv-engines .venv-newest .venv-oldest build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
