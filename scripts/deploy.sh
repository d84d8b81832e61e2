#!/usr/bin/env bash
# Puts Roost on Cloud Run, and may be run again at any time: what exists is kept, what is missing is made.
#
#   OWNER_EMAILS=you@example.com ./scripts/deploy.sh [--dry-run] [--image IMAGE] [--service-only]
#
#   --dry-run       print every gcloud command and run none
#   --image         deploy this image instead of testing and building one
#   --service-only  nothing but the service itself; what Cloud Build calls as its last step
#
# Settings, from the environment:
#   OWNER_EMAILS          required: who owns this Roost
#   PROJECT               gcloud's current project
#   REGION, SERVICE       us-central1, roost
#   GCS_BUCKET_NAME       PROJECT-SERVICE: where everything is kept
#   PUBLIC_URL            the address Cloud Run gives the service
#   ALLOWED_EMAILS, GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET, OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL: passed
#                         on when set; the secret ones by Secret Manager
#   SECRET_KEY            used when the secret is made for the first time; made up when not set
#   MEMORY, CPU           1Gi, 1
#
# Needs gcloud, signed in as somebody who may change the project, and bash.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."

DRY_RUN='' IMAGE='' SERVICE_ONLY=''
while [ $# -gt 0 ]; do
    case $1 in
        --dry-run) DRY_RUN=yes ;;
        --image) IMAGE=${2:?--image needs an image} && shift ;;
        --service-only) SERVICE_ONLY=yes ;;
        -h | --help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' scripts/deploy.sh && exit 0 ;;
        *) echo "deploy.sh: there is no option $1. --help lists them." >&2 && exit 2 ;;
    esac
    shift
done

say() { printf '\n# %s\n' "$*"; }
refuse() { printf 'deploy.sh: %s\n' "$*" >&2 && exit 1; }
show() { printf '%q ' "$@" && printf '\n'; }
run() {
    show "$@"
    [ -n "$DRY_RUN" ] || "$@"
}
# A question to the project. In a dry run the answer is no, so that every command is printed.
there_is() {
    show "$@"
    [ -z "$DRY_RUN" ] && "$@" >/dev/null 2>&1
}
# A service account that was made a moment ago is not known everywhere at once.
run_patiently() {
    show "$@"
    [ -n "$DRY_RUN" ] && return
    local tries=1
    until "$@" >/dev/null; do
        [ $((tries += 1)) -le 6 ] || refuse "this did not succeed in six tries; the reason stands above. Run deploy.sh again."
        sleep 5
    done
}

command -v gcloud >/dev/null || [ -n "$DRY_RUN" ] || refuse "gcloud is missing. Install it: https://cloud.google.com/sdk/docs/install"
PROJECT=${PROJECT:-$(gcloud config get-value project 2>/dev/null || true)}
[ -n "$PROJECT" ] || refuse "no project is chosen. Set PROJECT, or run: gcloud config set project ID"
[ -n "${OWNER_EMAILS:-}" ] || refuse "OWNER_EMAILS is not set. Set it to your e-mail address: nobody else could own this Roost."

REGION=${REGION:-us-central1}
SERVICE=${SERVICE:-roost}
GCS_BUCKET_NAME=${GCS_BUCKET_NAME:-$PROJECT-$SERVICE}
MEMORY=${MEMORY:-1Gi}
CPU=${CPU:-1}
BUILD_BUCKET=$PROJECT-$SERVICE-build
REPOSITORY=$REGION-docker.pkg.dev/$PROJECT/$SERVICE
RUNNER=$SERVICE@$PROJECT.iam.gserviceaccount.com
BUILDER=$SERVICE-builder@$PROJECT.iam.gserviceaccount.com
SECRETS=${SECRETS:-SECRET_KEY=$SERVICE-secret-key:latest}

apis() {
    say "The services Roost stands on"
    run gcloud services enable --project="$PROJECT" run.googleapis.com artifactregistry.googleapis.com \
        cloudbuild.googleapis.com secretmanager.googleapis.com storage.googleapis.com iam.googleapis.com
}

registry() {
    say "Where the images lie"
    there_is gcloud artifacts repositories describe "$SERVICE" --project="$PROJECT" --location="$REGION" ||
        run gcloud artifacts repositories create "$SERVICE" --project="$PROJECT" --location="$REGION" \
            --repository-format=docker --description="Images of Roost"
}

bucket() {
    say "The bucket: everything Roost must not forget"
    # Soft delete keeps every overwritten object for seven days and charges for it. Roost overwrites its copies
    # every few minutes and keeps its own history, so that would only cost.
    if there_is gcloud storage buckets describe "gs://$GCS_BUCKET_NAME"; then
        run gcloud storage buckets update "gs://$GCS_BUCKET_NAME" --soft-delete-duration=0
    else
        run gcloud storage buckets create "gs://$GCS_BUCKET_NAME" --project="$PROJECT" --location="$REGION" \
            --uniform-bucket-level-access --public-access-prevention --soft-delete-duration=0
    fi
}

account() { # name, what it is for
    there_is gcloud iam service-accounts describe "$1@$PROJECT.iam.gserviceaccount.com" --project="$PROJECT" ||
        run gcloud iam service-accounts create "$1" --project="$PROJECT" --display-name="$2"
}

runner() {
    say "Who Roost is: it may use its bucket and its secrets, and nothing else"
    account "$SERVICE" "Roost"
    # objectAdmin for the objects; legacyBucketReader to see that the bucket exists, which tells "empty" from "wrong".
    for role in roles/storage.objectAdmin roles/storage.legacyBucketReader; do
        run_patiently gcloud storage buckets add-iam-policy-binding "gs://$GCS_BUCKET_NAME" \
            --member="serviceAccount:$RUNNER" --role="$role"
    done
}

secret() { # setting, its value or nothing
    local name
    name=$SERVICE-$(printf '%s' "$1" | tr 'A-Z_' 'a-z-')
    there_is gcloud secrets describe "$name" --project="$PROJECT" ||
        run gcloud secrets create "$name" --project="$PROJECT" --replication-policy=automatic
    show gcloud secrets versions list "$name" --project="$PROJECT" --limit=1 --format="value(name)"
    local versions=''
    [ -n "$DRY_RUN" ] || versions=$(gcloud secrets versions list "$name" --project="$PROJECT" --limit=1 --format="value(name)")
    if [ -n "$versions" ] && [ "$1" = SECRET_KEY ]; then
        # Another key would make every token in the bucket unreadable: a key, once there, is never overwritten.
        echo "# $name is there and stays as it is"
    else
        show gcloud secrets versions add "$name" --project="$PROJECT" --data-file=-
        [ -n "$DRY_RUN" ] || printf '%s' "$2" | gcloud secrets versions add "$name" --project="$PROJECT" --data-file=-
    fi
    run_patiently gcloud secrets add-iam-policy-binding "$name" --project="$PROJECT" \
        --member="serviceAccount:$RUNNER" --role=roles/secretmanager.secretAccessor
}

secrets() {
    say "The key that seals bot tokens, and other secrets: given to Roost by Secret Manager, on no command line"
    secret SECRET_KEY "${SECRET_KEY:-$(head -c 48 /dev/urandom | base64 | tr -d '\n')}"
    local setting
    for setting in GOOGLE_CLIENT_SECRET OPENAI_API_KEY; do
        if [ -n "${!setting:-}" ]; then
            secret "$setting" "${!setting}"
            SECRETS+=",$setting=$SERVICE-$(printf '%s' "$setting" | tr 'A-Z_' 'a-z-'):latest"
        fi
    done
}

builder() {
    say "Who builds and deploys: it cannot read Roost's bucket or its secrets"
    account "$SERVICE-builder" "Builds and deploys Roost"
    there_is gcloud storage buckets describe "gs://$BUILD_BUCKET" ||
        run gcloud storage buckets create "gs://$BUILD_BUCKET" --project="$PROJECT" --location="$REGION" \
            --uniform-bucket-level-access --public-access-prevention --soft-delete-duration=0
    run_patiently gcloud storage buckets add-iam-policy-binding "gs://$BUILD_BUCKET" \
        --member="serviceAccount:$BUILDER" --role=roles/storage.objectViewer
    run_patiently gcloud artifacts repositories add-iam-policy-binding "$SERVICE" --project="$PROJECT" \
        --location="$REGION" --member="serviceAccount:$BUILDER" --role=roles/artifactregistry.writer
    run_patiently gcloud iam service-accounts add-iam-policy-binding "$RUNNER" --project="$PROJECT" \
        --member="serviceAccount:$BUILDER" --role=roles/iam.serviceAccountUser
    for role in roles/run.developer roles/logging.logWriter; do
        run_patiently gcloud projects add-iam-policy-binding "$PROJECT" \
            --member="serviceAccount:$BUILDER" --role="$role" --condition=None
    done
}

public_url() {
    [ -z "${PUBLIC_URL:-}" ] || return 0
    say "The address people use"
    show gcloud projects describe "$PROJECT" --format="value(projectNumber)"
    local number=PROJECT_NUMBER
    [ -n "$DRY_RUN" ] || number=$(gcloud projects describe "$PROJECT" --format="value(projectNumber)")
    PUBLIC_URL=https://$SERVICE-$number.$REGION.run.app
}

build_and_deploy() {
    say "Test, build, push and deploy, by cloudbuild.yaml"
    local values="_REGION=$REGION|_SERVICE=$SERVICE|_GCS_BUCKET_NAME=$GCS_BUCKET_NAME|_SECRETS=$SECRETS"
    values+="|_OWNER_EMAILS=$OWNER_EMAILS|_ALLOWED_EMAILS=${ALLOWED_EMAILS:-}|_PUBLIC_URL=$PUBLIC_URL"
    values+="|_GOOGLE_CLIENT_ID=${GOOGLE_CLIENT_ID:-}|_OPENAI_BASE_URL=${OPENAI_BASE_URL:-}"
    values+="|_OPENAI_MODEL=${OPENAI_MODEL:-}|_MEMORY=$MEMORY|_CPU=$CPU"
    run gcloud builds submit . --project="$PROJECT" --config=cloudbuild.yaml \
        --service-account="projects/$PROJECT/serviceAccounts/$BUILDER" \
        --gcs-source-staging-dir="gs://$BUILD_BUCKET/source" --substitutions="^|^$values"
}

service() {
    say "The service: one instance, always, with its CPU also between requests, since bots live there"
    # Two instances would be two programs asking Telegram for one bot's messages. /healthz answers while data is
    # still being restored. Streams stay open for up to an hour and are then taken up again by the browser.
    local values="GCS_BUCKET_NAME=$GCS_BUCKET_NAME|OWNER_EMAILS=$OWNER_EMAILS|PUBLIC_URL=$PUBLIC_URL"
    values+="|GOOGLE_CLOUD_PROJECT=$PROJECT"
    local setting
    for setting in ALLOWED_EMAILS GOOGLE_CLIENT_ID OPENAI_BASE_URL OPENAI_MODEL; do
        [ -z "${!setting:-}" ] || values+="|$setting=${!setting}"
    done
    run gcloud run deploy "$SERVICE" --quiet --project="$PROJECT" --region="$REGION" --image="$IMAGE" \
        --service-account="$RUNNER" --execution-environment=gen2 --cpu="$CPU" --memory="$MEMORY" \
        --no-cpu-throttling --cpu-boost --min-instances=1 --max-instances=1 --concurrency=500 --timeout=3600 \
        --startup-probe=httpGet.path=/healthz,periodSeconds=2,timeoutSeconds=2,failureThreshold=60 \
        --liveness-probe=httpGet.path=/healthz,periodSeconds=15,timeoutSeconds=5,failureThreshold=4 \
        --update-env-vars="^|^$values" --update-secrets="$SECRETS"
}

open_to_the_web() {
    say "Anybody may reach it; Roost itself asks who they are"
    run gcloud run services add-iam-policy-binding "$SERVICE" --project="$PROJECT" --region="$REGION" \
        --member=allUsers --role=roles/run.invoker
}

if [ -n "$SERVICE_ONLY" ]; then
    [ -n "$IMAGE" ] || refuse "--service-only needs --image."
    public_url
    service
    exit
fi

apis
registry
bucket
runner
secrets
public_url
if [ -n "$IMAGE" ]; then
    service
else
    builder
    build_and_deploy
    if [ -n "$DRY_RUN" ]; then
        IMAGE=$REPOSITORY/roost:BUILD_ID
        say "and within that build, as its last step:"
        service
    fi
fi
open_to_the_web

say "Roost is at $PUBLIC_URL"
if [ -z "${GOOGLE_CLIENT_ID:-}" ]; then
    echo "# Without GOOGLE_CLIENT_ID people sign in by a link, which stands in the log:"
    echo "# gcloud run services logs read $SERVICE --project=$PROJECT --region=$REGION"
fi
