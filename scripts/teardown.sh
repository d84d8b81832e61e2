#!/usr/bin/env bash
# Takes Roost off Cloud Run. What people said and configured stays: the bucket, and the key that opens it.
#
#   ./scripts/teardown.sh [--dry-run] [--with-data]
#
#   --dry-run    print every gcloud command and run none
#   --with-data  delete the bucket and the secrets too; nothing brings them back
#
# PROJECT, REGION, SERVICE and GCS_BUCKET_NAME as for deploy.sh. Asks for the names of what it deletes.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."

DRY_RUN='' WITH_DATA=''
while [ $# -gt 0 ]; do
    case $1 in
        --dry-run) DRY_RUN=yes ;;
        --with-data) WITH_DATA=yes ;;
        -h | --help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' scripts/teardown.sh && exit 0 ;;
        *) echo "teardown.sh: there is no option $1. --help lists them." >&2 && exit 2 ;;
    esac
    shift
done

say() { printf '\n# %s\n' "$*"; }
refuse() { printf 'teardown.sh: %s\n' "$*" >&2 && exit 1; }
show() { printf '%q ' "$@" && printf '\n'; }
# What is gone already is no reason to stop; what could not be deleted is told at the end.
LEFT=''
delete() {
    show "$@"
    [ -n "$DRY_RUN" ] || "$@" || LEFT+="
$(show "$@")"
}
confirm() { # question, the answer that counts
    [ -z "$DRY_RUN" ] || return 0
    local answer
    read -r -p "$1 Type $2 to go on: " answer || true
    [ "$answer" = "$2" ] || refuse "nothing was deleted."
}

PROJECT=${PROJECT:-$(gcloud config get-value project 2>/dev/null || true)}
[ -n "$PROJECT" ] || refuse "no project is chosen. Set PROJECT, or run: gcloud config set project ID"
REGION=${REGION:-us-central1}
SERVICE=${SERVICE:-roost}
GCS_BUCKET_NAME=${GCS_BUCKET_NAME:-$PROJECT-$SERVICE}
BUILDER=$SERVICE-builder@$PROJECT.iam.gserviceaccount.com

confirm "This stops every bot and deletes the service $SERVICE of project $PROJECT." "$SERVICE"
[ -z "$WITH_DATA" ] ||
    confirm "It also deletes every conversation, bot and key in gs://$GCS_BUCKET_NAME, for ever." "$GCS_BUCKET_NAME"

say "The service: it is told to stop, and saves what is left to save"
delete gcloud run services delete "$SERVICE" --quiet --project="$PROJECT" --region="$REGION"

say "The images, what built them, and who ran them"
delete gcloud artifacts repositories delete "$SERVICE" --quiet --project="$PROJECT" --location="$REGION"
delete gcloud storage rm --recursive "gs://$PROJECT-$SERVICE-build"
for role in roles/run.developer roles/logging.logWriter; do
    delete gcloud projects remove-iam-policy-binding "$PROJECT" --quiet \
        --member="serviceAccount:$BUILDER" --role="$role" --condition=None
done
for name in "$SERVICE-builder" "$SERVICE"; do
    delete gcloud iam service-accounts delete "$name@$PROJECT.iam.gserviceaccount.com" --quiet --project="$PROJECT"
done

if [ -n "$WITH_DATA" ]; then
    say "The data and the key that opens it"
    delete gcloud storage rm --recursive "gs://$GCS_BUCKET_NAME"
    for name in secret-key google-client-secret openai-api-key; do
        delete gcloud secrets delete "$SERVICE-$name" --quiet --project="$PROJECT"
    done
else
    say "Kept: gs://$GCS_BUCKET_NAME and the secret $SERVICE-secret-key. Each is useless without the other;"
    echo "# deploy.sh takes both up again, and --with-data deletes both."
fi
[ -z "$LEFT" ] || refuse "not everything could be deleted. It may have been gone already; if not, these are left:$LEFT"
