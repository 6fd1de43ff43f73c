# Two commands matter: `make demo` and `make test`.
.PHONY: demo test setup-demo setup-test build models lint fuzz

WARIFU := target/release/warifu
ARGS ?=

demo: setup-demo build models
	$(WARIFU) demo $(ARGS)

test: setup-test build models
	cargo test --release --workspace --locked
	$(WARIFU) demo --headless --json --data target/demo-headless

# Each fuzzer for T seconds, on a nightly compiler, from the seeds in fuzz/corpus and from what earlier runs kept in
# fuzz/found. An input that breaks something goes into fuzz/corpus, which `make test` replays.
T ?= 60
fuzz:
	@command -v cargo-fuzz >/dev/null || { echo "fuzz: install the runner first: cargo install cargo-fuzz --locked" >&2; exit 1; }
	set -e; for target in $$(ls fuzz/corpus); do \
		mkdir -p fuzz/found/$$target; \
		cargo +nightly fuzz run --release $$target fuzz/found/$$target fuzz/corpus/$$target -- \
			-max_total_time=$(T) -rss_limit_mb=1024 -timeout=10; \
	done

lint:
	cargo clippy --workspace --all-targets --locked -- -D warnings

setup-demo:
	@scripts/setup.sh demo

setup-test:
	@scripts/setup.sh test

build:
	cargo build --release --workspace --locked

models:
	$(WARIFU) models fetch $(if $(wildcard ../shared/models),--mirror ../shared/models)
