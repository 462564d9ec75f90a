# The verbs of daily work; .ci/run and the README call the same ones. `make` alone sets up .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTHONS ?= $(foreach minor,11 12 13 14 15,$(shell command -v python3.$(minor))) $(wildcard $(HOME)/.pyenv/versions/3.1[1-5].*/bin/python)
TESTS ?= tests
# An environment comes whole from its lock: nothing is resolved (pip before 23.3 takes extras past the hashes), `pip check` finds gaps.
QUIET := --quiet --disable-pip-version-check
INSTALL := python -m pip install $(QUIET) --require-hashes --no-deps
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --strip-extras --no-annotate --no-header
PEERS := sglang aiperf genai-bench guidellm http-clients starlette
FIELD := $(foreach name,litellm limits openai-old llama langchain anthropic transformers mitmproxy aimock npm http-proxy clients agents reports,.field/$(name)/ready)

# Hundreds of processes start in a suite, and each would compile all of our modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup check test pythons demo self golden mutants field hostile docs commands bench packaging peers lock clean
.DEFAULT_GOAL := setup

setup: $(VENV)/ready  ## everything the harness and its tests need, by version and hash

$(VENV)/ready: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/$(INSTALL) --only-binary :all: --requirement $<
	$(BIN)/python -m pip install $(QUIET) --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check
	@touch $@

check: setup  ## style, types, catalogue, import table
	$(BIN)/ruff check .
	$(BIN)/ruff check --quiet --preview --select PLW1514 .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/python -m echosounder.specs
	$(BIN)/python -m echosounder.selftest.golden check
	$(BIN)/pytest --quiet tests/test_architecture.py

test: setup  ## the whole suite, field tests aside
	$(BIN)/pytest --quiet -n 3 --dist loadfile --no-loadscope-reorder -m "not field and not docs" $(TESTS)

pythons:  ## the same under each Python that this machine has; TESTS names a part
	@ran=; for python in $(PYTHONS); do \
	  version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
	  case $$ran in *$$version*) continue;; esac; ran="$$ran $$version"; \
	  echo "Python $$version: $$python"; \
	  $(MAKE) --no-print-directory PYTHON=$$python VENV=.venv-$$version test || exit 1; \
	done

anywhere: setup  ## slow, for nights: the suite at other hours, in other zones, locales and orders, elsewhere, busy (ROWS="midnight busy")
	$(BIN)/python tests/anywhere/run.py $(ROWS)

demo: setup  ## the main job on the bundled mock: a check, then ten seconds of load
	$(BIN)/echosounder check --out runs/demo-check
	$(BIN)/echosounder load streaming --users 8 --duration 10s --out runs/demo-load

self: setup  ## the suite against every deviation of its own mock; TENTH=COMMIT takes the tenth that is this commit's
	$(BIN)/echosounder selftest $(if $(TENTH),$$($(BIN)/python -m echosounder.selftest.golden part $(TENTH)))

golden: setup  ## what `make self` measures, kept in tests/golden with what it rests on: whatever is out of date, or ONLY="name stream-*"
	$(BIN)/python -m echosounder.selftest.golden renew $(foreach name,$(ONLY),'$(name)')
	$(BIN)/python docs/generate.py

mutants: setup .field/mutants/ready  ## a sample of small changes to our own code: which do its tests not notice? PACKAGES="wire" takes a part
	.field/mutants/bin/python tests/mutants/run.py $(BIN)/python $(PACKAGES)

field: setup $(FIELD)  ## slow: against software that we did not write (one of them compiles for half an hour, once)
	$(BIN)/pytest --quiet -m field
	$(BIN)/python tests/field/matrix.py
	PYTHONPATH=. $(BIN)/python tests/field/by_hand.py

hostile: setup  ## slow: what hostile targets do to whole runs; writes docs/hostile.md
	PYTHONPATH=. $(BIN)/python -m tests.hostile.table

docs: setup  ## pages made from data, their links, the site: seconds
	$(BIN)/python docs/generate.py
	$(BIN)/pytest --quiet -m "not docs" tests/test_docs.py
	$(BIN)/zensical build --clean

commands: setup  ## runs every command of the docs: minutes
	$(BIN)/pytest --quiet -m docs tests/test_docs.py

bench: setup  ## speed, truth and cost, beside those others that `make peers` installed; an hour, needs a quiet machine
	$(BIN)/python benchmarks/mock_speed.py
	$(BIN)/python benchmarks/load_clients.py speed --events 256
	$(BIN)/python benchmarks/load_clients.py speed --events 16
	$(BIN)/python benchmarks/load_clients.py truth --connections 64
	$(BIN)/python benchmarks/load_clients.py truth --connections 256 1000 --clients echosounder echosounder-own-stamps
	$(BIN)/python benchmarks/load_clients.py cost --connections 64 256 1000
	$(BIN)/python benchmarks/load_tools.py speed --events 16
	$(BIN)/python benchmarks/load_tools.py speed --events 256
	$(BIN)/python benchmarks/load_tools.py truth --connections 64 1000
	$(BIN)/python benchmarks/load_tools.py truth --connections 64 --pause 250

packaging: setup .field/packaging/ready  ## built, installed as people do, used from there; VERBS="sources pip" takes a part
	.field/packaging/bin/python tests/packaging/built.py $(PYTHONS:%=--python %) $(VERBS)
	$(if $(VERBS),,$(BIN)/pytest --quiet -m field tests/test_ci.py)

peers: .field/aimock/ready $(PEERS:%=.field/%/ready)  ## what `make bench` measures beside ours (make -k goes on past one that fails)

# Third-party software, each in an environment of its own, by version and hash. Which build of torch fits is up to the machine, so it has
# no hash; where pip finds none for processors alone, it misses gigabytes for graphics cards, and `pip check` says so. Of SGLang (Linux
# with glibc 2.34 or newer) only the compiled client runs, so it needs nothing of what the check would miss.
.field/transformers/ready .field/guidellm/ready: TORCH := torch==2.13.0
%/ready: CHECK = $(@D)/bin/python -m pip check
.field/sglang/ready .field/mitmproxy/ready: CHECK :=
.field/litellm/ready: tests/field/litellm.lock
.field/openai-old/ready: tests/field/openai-old.lock
.field/limits/ready: tests/field/limits.lock
.field/langchain/ready: tests/mock_server/clients/langchain.lock
.field/anthropic/ready: tests/mock_server/clients/anthropic.lock
.field/packaging/ready: tests/packaging/tools.lock
.field/transformers/ready: tests/field/transformers.lock
.field/mitmproxy/ready: tests/field/mitmproxy.lock
$(PEERS:%=.field/%/ready): .field/%/ready: benchmarks/peers/%.lock
$(foreach name,litellm limits openai-old langchain anthropic packaging transformers mitmproxy $(PEERS),.field/$(name)/ready):
	$(PYTHON) -m venv $(@D)
	$(if $(TORCH),$(@D)/bin/python -m pip install $(QUIET) --no-deps --only-binary :all: $(TORCH))
	$(@D)/bin/$(INSTALL) --only-binary :all: --requirement $<
	$(CHECK)
	@touch $@

# One of these comes as source only, in plain Python: built with what its own lock brings, for build isolation would fetch something.
.field/mutants/ready: tests/mutants/build.lock tests/mutants/tools.lock
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/$(INSTALL) --only-binary :all: --requirement $<
	$(@D)/bin/$(INSTALL) --no-build-isolation --requirement $(word 2,$^)
	$(CHECK)
	@touch $@

# It compiles: with the tools of its own lock, for build isolation would fetch others.
.field/llama/ready: tests/field/llama-build.lock tests/field/llama.lock
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/$(INSTALL) --only-binary :all: --requirement $<
	PATH="$(CURDIR)/$(@D)/bin:$$PATH" CMAKE_ARGS=-DLLAVA_BUILD=OFF \
	  $(@D)/bin/$(INSTALL) --no-build-isolation --requirement $(word 2,$^)
	$(CHECK)
	@touch $@

.field/aimock/ready: tests/field/servers/package-lock.json
.field/npm/ready: tests/field/portkey/package-lock.json
.field/http-proxy/ready: tests/field/http-proxy/package-lock.json
.field/clients/ready: tests/mock_server/clients/package-lock.json
.field/agents/ready: tests/mock_server/agents/package-lock.json
.field/reports/ready: tests/reports/tools/package-lock.json
.field/aimock/ready .field/npm/ready .field/http-proxy/ready .field/clients/ready .field/agents/ready .field/reports/ready:
	mkdir -p $(@D) && cp $(<D)/package.json $< $(@D)
	npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

lock: setup  ## renew the lock files: versions and hashes for Python 3.11 and newer, no host name
	$(BIN)/$(LOCK) $(foreach extra,load metrics tokens,--extra $(extra)) --group build pyproject.toml --output-file requirements.lock
	$(BIN)/$(LOCK) --all-extras --group dev --constraint requirements.lock pyproject.toml --output-file requirements-dev.lock
	$(BIN)/$(LOCK) --no-deps benchmarks/peers/sglang.in --output-file benchmarks/peers/sglang.lock
	for name in $(basename $(filter-out %/sglang.in, $(wildcard tests/*/*.in tests/mock_server/clients/*.in benchmarks/peers/*.in))); do \
	  $(BIN)/$(LOCK) --override tests/field/overrides.txt $$name.in --output-file $$name.lock || exit 1; done

clean:
	rm -rf .venv* .field .mypy_cache .ruff_cache .pytest_cache .hypothesis runs site dist
