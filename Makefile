# Mixel: what one can do with this checkout. Nothing but git, make and apt has to be there.

.DEFAULT_GOAL := help
.PHONY: help benchmark demo test test-gpu lint torture fuzz package bench-demo bench-memory bench-mapping bench-fcls bench-mesma bench-read bench-scan bench-training clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## unmix the sample scene in the real QGIS; installs what is missing and says so
	@tests/setup/demo.sh

test: ## all checks and tests, on this machine's QGIS and on 3.44 (5 minutes; the first time 15)
	@tests/setup/test.sh

test-gpu: ## the tests that need an NVIDIA graphics card; docs/gpu.md says what to expect
	@tests/setup/tools.sh
	@ACCELERATOR=cuda tests/setup/backend.sh make
	@ACCELERATOR=cuda tests/setup/backend.sh run -m pytest tests/gpu

lint: ## ruff, mypy and bandit
	@tests/setup/test.sh lint

torture: ## kill, starve and double runs at random: make torture [MINUTES=10]
	@tests/setup/tools.sh
	@tests/setup/backend.sh make
	@tests/setup/backend.sh run -m tests.torture --write --minutes $(or $(MINUTES),10)

fuzz: ## have spoilt files read; what fails is kept as a test: make fuzz [MINUTES=10]
	@tests/setup/tools.sh
	@tests/setup/backend.sh make
	@tests/setup/backend.sh run -m tests.fuzz --write --minutes $(or $(MINUTES),10)

package: ## dist/mixel-<version>.zip, held against the plugin repository's rules
	@tests/setup/tools.sh
	@.build/tools/bin/python tests/gate/package.py

bench-demo: ## the demo's seconds by phase
	@tests/setup/bench.sh demo $(ARGS)

bench-memory: ## memory peak against the scene's size
	@tests/setup/bench.sh memory $(ARGS)

benchmark: ## the scoreboard, docs/benchmarks.md: make benchmark DATA=FOLDER [ARGS="--seeds 3"]
	@tests/setup/bench.sh benchmark $(DATA) $(ARGS)

bench-mapping: ## pixels a second of every method that classifies
	@tests/setup/bench.sh mapping $(ARGS)

bench-fcls: ## pixels a second of fully constrained least squares, beside scipy
	@tests/setup/bench.sh fcls $(ARGS)

bench-mesma: ## minutes that MESMA takes with a library of 75 spectra
	@tests/setup/bench.sh mesma $(ARGS)

bench-read: ## how fast products of sensors are read, beside a tiled GeoTIFF
	@tests/setup/bench.sh read $(ARGS)

bench-scan: ## seconds and memory of the selective scan's forms; on a graphics card written to docs/benchmarks
	@ACCELERATOR=$${ACCELERATOR:-auto} tests/setup/bench.sh scan $(ARGS)

bench-training: ## minutes that 1000 training steps of UNMamba take
	@tests/setup/bench.sh training $(ARGS)

clean: ## delete what was built in the checkout; the user's Python and the tests' cache stay
	rm -rf .build dist demo
