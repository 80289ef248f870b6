#!/bin/sh
# Applies a chart with kubectl, also when its Jobs have changed. Before that, it deletes the Jobs that have ended as their policy says, or
# whose policy is before-hook-creation. Any other Job stays, and a change of such a Job still fails.
#
#   apply.sh NAME CHART NAMESPACE [helm template's options]
#
# Without the line that sweeps, the second apply of a changed Job fails with "field is immutable".
set -eu
name=$1 chart=$2 namespace=$3
shift 3

# Do not use one pipe, because it hides the errors of all programs but the last. If the chart cannot be rendered, nothing in the
# cluster has changed.
rendered=$(helm template "$name" "$chart" --namespace "$namespace" "$@")
manifests=$(printf '%s\n' "$rendered" | jobsweep)

# Delete the finished Jobs of the last apply by their policies. Without --once, jobsweep waits for Jobs that still run. It sweeps the
# whole namespace. Add --release "$name" if the chart's Jobs have the label app.kubernetes.io/instance.
jobsweep --cleanup --once --before-hook-creation --namespace "$namespace"

printf '%s\n' "$manifests" | kubectl apply --namespace "$namespace" --filename -
