#!/bin/sh
# Prints running, success or failed for one Slurm job. What the job wrote about itself counts first
# and needs no Slurm; a controller that does not answer means "running", never "failed".
status=".snakemake/slurm_status/$1"
if [ -f "$status" ]; then
  [ "$(cat "$status")" = 0 ] && echo success || echo failed
  exit 0
fi
case "$(squeue --noheader --states=all --format=%T --jobs="$1" 2>&1)" in
  COMPLETED) echo success ;;
  BOOT_FAIL | CANCELLED | DEADLINE | FAILED | NODE_FAIL | OUT_OF_MEMORY | PREEMPTED | TIMEOUT) echo failed ;;
  # Ended long ago without a word, or lost by the controller.
  *"Invalid job id"* | "") echo failed ;;
  *) echo running ;;
esac
