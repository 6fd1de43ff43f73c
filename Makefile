# Two commands matter: `make demo` and `make test`.
.PHONY: demo test setup-demo setup-test build models lint clean-demo

WARIFU := target/release/warifu
ARGS ?=

demo: setup-demo build models
	$(WARIFU) demo $(ARGS)

test: setup-test build models
	cargo test --release --workspace --locked
	$(WARIFU) demo --headless --json --data target/demo-headless

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
