#!/usr/bin/env bash
# Makes the bundled adapters again, from the bundled reader and corpora and nothing else. Run it from the top of the
# repository; it takes some minutes on two cores. Existing adapters are never overwritten: remove them first.
set -euo pipefail
for corpus in biomedicine language-research everyday; do
  for examples in "${@:-500}"; do
    cargo run --release --quiet -- finetune --base reader --corpus "$corpus" --examples "$examples" --skip-long \
      --out "assets/models/reader-$corpus-$examples"
  done
done
