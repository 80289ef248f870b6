#!/bin/sh
# Applies a chart without Helm's releases, also when its Jobs have changed: those that have ended as their policy names, or that it
# says may go before the next (before-hook-creation). Any other Job stays, and still blocks a change of itself.
#
#   apply.sh NAME CHART NAMESPACE [helm template's options]
#
# Without the line that sweeps, the second apply of a changed Job fails with "field is immutable".
set -eu
name=$1 chart=$2 namespace=$3
shift 3

# Step by step, because a pipe hides the failure of everything in it but its last program. So nothing in the cluster has been
# touched when the chart cannot be rendered.
rendered=$(helm template "$name" "$chart" --namespace "$namespace" "$@")
manifests=$(printf '%s\n' "$rendered" | jobsweep)

# The finished Jobs of the last apply, by their policies. Without --once it waits for those that still run. It sweeps the whole
# namespace: --release "$name" narrows it where the chart's Jobs have the label app.kubernetes.io/instance.
jobsweep --cleanup --once --before-hook-creation --namespace "$namespace"

printf '%s\n' "$manifests" | kubectl apply --namespace "$namespace" --filename -
