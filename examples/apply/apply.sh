#!/bin/sh
# Applies a chart without Helm's releases, also when its Jobs have changed. A finished Job that cannot be changed is deleted first, if its
# policy allows that. If one may not go, nothing is deleted and nothing is applied. A Job that has not changed stays, and does not run again.
#
#   apply.sh NAME CHART NAMESPACE [helm template's options]
#
# Without --unblock the second apply of a changed Job fails with "field is immutable".
set -eu
name=$1 chart=$2 namespace=$3
shift 3

# Step by step, because a pipe hides the failure of everything in it but its last program. So nothing in the cluster has been
# touched when the chart cannot be rendered.
rendered=$(helm template "$name" "$chart" --namespace "$namespace" "$@")
manifests=$(printf '%s\n' "$rendered" | jobsweep --unblock --namespace "$namespace")

printf '%s\n' "$manifests" | kubectl apply --namespace "$namespace" --filename -
