#!/bin/sh
# Cancels Slurm jobs. Snakemake waits two seconds only, so it goes on in the background, and as long
# as the controller does not answer.
(
  trap '' HUP INT
  while scancel "$@" 2>&1 | grep -q "Unable to contact"; do sleep 5; done
) >/dev/null 2>&1 &
