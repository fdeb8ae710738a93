#!/usr/bin/env bash
# Makes the bundled adapters again, from the bundled reader and corpora and nothing else. Run it from the top of the
# repository; it takes some ten minutes on two cores. Existing adapters are never overwritten: remove them first.
set -euo pipefail
for made in biomedicine-500 everyday-200 language-research-200; do
  cargo run --release --quiet -- finetune --base reader --corpus "${made%-*}" --examples "${made##*-}" --skip-long \
    --out "assets/models/reader-$made"
done
