#!/usr/bin/env bash
# Run, then decide. Everything is told by environment variables: PROFILE, TARGET_URL, TARGET_FILE, CLAIM, TESTBED, TOKEN_ENV, ALLOW,
# BASELINE, DISPOSITIONS, STRICT, OUTPUT. The exit code is that of the gate, or of a run that could not be judged (2, 3, 4, 130).
set -uo pipefail
OUTPUT="${OUTPUT:-runs/gate}"
summary="${GITHUB_STEP_SUMMARY:-${CONFORMANCE_SUMMARY:-/dev/stdout}}"

run=(conformance run)
[ -n "${PROFILE:-}" ] && run+=("$PROFILE")
[ -n "${TESTBED:-}" ] && run+=(--testbed "$TESTBED")
[ -n "${TARGET_URL:-}" ] && run+=(--url "$TARGET_URL")
[ -n "${TARGET_FILE:-}" ] && run+=(--target "$TARGET_FILE")
[ -n "${CLAIM:-}" ] && run+=(--claim "$CLAIM")
[ -n "${TOKEN_ENV:-}" ] && run+=(--token-env "$TOKEN_ENV")
[ -n "${ALLOW:-}" ] && run+=(--allow "$ALLOW")
"${run[@]}" -o "$OUTPUT"
ran=$?

code=$ran
case "$ran" in
  0 | 1 | 3 | 5) # there is a record to decide on; a dead target closes the gate with 3
    gate=(conformance diff "${BASELINE:-$OUTPUT}" "$OUTPUT" --gate --format markdown)
    [ "${STRICT:-false}" = true ] && gate+=(--strict)
    [ -n "${DISPOSITIONS:-}" ] && gate+=(--dispositions "$DISPOSITIONS")
    "${gate[@]}" >>"$summary"
    code=$?
    ;;
esac
[ -n "${GITHUB_OUTPUT:-}" ] && echo "exit-code=$code" >>"$GITHUB_OUTPUT"
exit "$code"
