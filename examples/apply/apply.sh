#!/bin/sh
# Applies a chart with kubectl, also when its Jobs have changed. A finished Job that cannot be changed is deleted first, if its policy
# allows that. If one may not be deleted, nothing is deleted and nothing is applied. A Job that has not changed stays and does not run again.
#
#   apply.sh NAME CHART NAMESPACE [helm template's options]
#
# Without --unblock the second apply of a changed Job fails with "field is immutable".
set -eu
name=$1 chart=$2 namespace=$3
shift 3

# Do not use one pipe, because it hides the errors of all programs but the last. If the chart cannot be rendered, nothing in the
# cluster has changed.
rendered=$(helm template "$name" "$chart" --namespace "$namespace" "$@")
manifests=$(printf '%s\n' "$rendered" | jobsweep --unblock --namespace "$namespace")

printf '%s\n' "$manifests" | kubectl apply --namespace "$namespace" --filename -
