#!/bin/sh
# oci.sh LAYER ENTRYPOINT FOLDER
#
# Writes an image with one layer, an archive of files, as an OCI image layout (image-spec, "OCI Image Layout").
set -eu
layer=$1 entrypoint=$2 folder=$3
mkdir -p "$folder/blobs/sha256"

# Stores standard input under its digest; prints that and the size as members of a descriptor.
store() {
  cat > "$folder/blob"
  digest=$(sha256sum < "$folder/blob" | cut -d ' ' -f 1)
  printf '"digest":"sha256:%s","size":%d' "$digest" "$(wc -c < "$folder/blob")"
  mv "$folder/blob" "$folder/blobs/sha256/$digest"
}

media=application/vnd.oci.image
layer_digest=$(sha256sum < "$layer" | cut -d ' ' -f 1)
layer_members=$(store < "$layer")
config_members=$(printf '{"architecture":"amd64","os":"linux","config":{"Entrypoint":["%s"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
  "$entrypoint" "$layer_digest" | store)
manifest_members=$(printf '{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"%s",%s},"layers":[{"mediaType":"%s",%s}]}' \
  "$media.manifest.v1+json" "$media.config.v1+json" "$config_members" "$media.layer.v1.tar" "$layer_members" | store)
printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s",%s,"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}' \
  "$media.manifest.v1+json" "$manifest_members" > "$folder/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' > "$folder/oci-layout"
