#!/usr/bin/env bash
# Makes the nine bundled adapters again (three corpora, 200, 500 and 1,000 examples), from the bundled reader and corpora
# and nothing else. Run it from the top of the repository; it takes most of an hour on two cores. What is finished with the
# same recipe, base and corpus is kept; what is there of another base or recipe is refused by name: remove it first.
# Stop it whenever you like: started again, it goes on.
set -euo pipefail
cargo build --release --quiet
for corpus in biomedicine everyday language-research; do
  target/release/juxta finetune grid --base reader --corpus "$corpus" --examples 200,500,1000 --epochs 2 \
    --skip-long --out assets/models
done
