# The verbs of daily work; .ci/run and the README call the same ones. `make` alone sets up .venv.
PYTHON ?= python3
BIN := .venv/bin
PEERS := sglang aiperf genai-bench guidellm http-clients starlette
FIELD := $(foreach name,litellm llama langchain transformers aimock npm clients reports,.field/$(name)/ready)

.PHONY: setup check test demo self field docs bench peers lock clean
.DEFAULT_GOAL := setup

setup: .venv/ready  ## everything the harness and its tests need, by version and hash

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed; name one: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

check: setup  ## style, types, catalogue, import table
	$(BIN)/ruff check .
	$(BIN)/ruff check --quiet --preview --select PLW1514 .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/python -m echosounder.specs
	$(BIN)/pytest --quiet tests/test_architecture.py

test: setup  ## the whole suite, field tests aside
	$(BIN)/pytest --quiet -n 3 --dist loadfile --no-loadscope-reorder -m "not field and not docs"

demo: setup  ## the main job on the bundled mock: a check, then ten seconds of load
	$(BIN)/echosounder check --out runs/demo-check
	$(BIN)/echosounder load streaming --users 8 --duration 10s --out runs/demo-load

self: setup  ## the suite against every deviation of its own mock
	$(BIN)/echosounder selftest

field: setup $(FIELD)  ## slow: against software that we did not write (one of them compiles for half an hour, once)
	$(BIN)/pytest --quiet -m field
	$(BIN)/python tests/field/matrix.py

docs: setup  ## pages made from data, every command of the docs, the site
	$(BIN)/python docs/generate.py
	$(BIN)/pytest --quiet -m "docs or not docs" tests/test_docs.py
	$(BIN)/zensical build --clean

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

peers: .field/aimock/ready $(PEERS:%=.field/%/ready)  ## what `make bench` measures beside ours (make -k goes on past one that fails)

# Third-party software, each in an environment of its own, by version and hash.
.field/litellm/ready: tests/field/litellm.lock
.field/llama/ready: tests/field/llama.lock
.field/langchain/ready: tests/mock_server/clients/langchain.lock
.field/litellm/ready .field/llama/ready .field/langchain/ready:
	$(PYTHON) -m venv $(@D)
	CMAKE_ARGS=-DLLAVA_BUILD=OFF $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

# torch comes first and by itself: as a dependency it would bring several gigabytes for graphics cards.
.field/transformers/ready: tests/field/transformers.lock
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

# As their users install them: pinned themselves, with what fits today below them. Of SGLang (Linux with glibc 2.34 or newer) only
# the compiled client runs, so nothing below it is needed. guidellm brings torch, several gigabytes of it where there is no small one.
.field/sglang/ready: PACKAGES = --no-deps sglang==0.5.23
.field/aiperf/ready: PACKAGES = aiperf==0.13.0
.field/genai-bench/ready: PACKAGES = genai-bench==0.0.5
.field/guidellm/ready: PACKAGES = torch==2.13.0 guidellm==0.8.1
.field/http-clients/ready: PACKAGES = aiohttp==3.14.5 httpx==0.28.1 httpx-sse==0.4.3 openai==3.54.0
.field/starlette/ready: PACKAGES = starlette==1.10.0 'uvicorn[standard]==0.54.0'
$(PEERS:%=.field/%/ready):
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: $(PACKAGES)
	@touch $@

.field/aimock/ready: tests/field/servers/package-lock.json
.field/npm/ready: tests/field/portkey/package-lock.json
.field/clients/ready: tests/mock_server/clients/package-lock.json
.field/reports/ready: tests/reports/tools/package-lock.json
.field/aimock/ready .field/npm/ready .field/clients/ready .field/reports/ready:
	mkdir -p $(@D) && cp $(<D)/package.json $< $(@D)
	npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

lock:  ## renew the lock files: versions and hashes for Python 3.11 to 3.13, no host name
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --extra metrics --extra tokens --group dev pyproject.toml --output-file requirements.lock
	for name in tests/field/litellm tests/field/llama tests/mock_server/clients/langchain; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	    $$name.in --output-file $$name.lock; done

clean:
	rm -rf .venv .field .mypy_cache .ruff_cache .pytest_cache .hypothesis runs site dist
