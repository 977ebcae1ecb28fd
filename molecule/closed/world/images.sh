# On a machine that has a network and containerd: the images of v1.25.4 go into the registry inside, those of v1.26.9 into
# an archive, /images/v1.26.9.tar. PUSH: user:password.
set -eu
timeout 60 sh -c 'until crictl info > /dev/null 2>&1; do sleep 0.2; done'

kubeadm() {
  version=$1
  shift
  [ -x "/tmp/kubeadm-$version" ] || {
    curl -fsS -o "/tmp/kubeadm-$version" \
      "http://uplift-lab-mirror/release/$version/bin/linux/$(dpkg --print-architecture)/kubeadm"
    chmod 755 "/tmp/kubeadm-$version"
  }
  "/tmp/kubeadm-$version" config images "$@" --kubernetes-version "$version"
}

kubeadm v1.25.4 pull
for image in $(kubeadm v1.25.4 list); do
  inside=registry.closed.test:5000/${image#*/}
  ctr -n k8s.io images tag "$image" "$inside"
  ctr -n k8s.io images push --tlscacert /world/ca.crt --user "$PUSH" "$inside" > /dev/null
done

# As docs/packages-and-binaries.md has it.
kubeadm v1.26.9 pull
kubeadm v1.26.9 list | xargs ctr -n k8s.io images export /images/v1.26.9.tar
chmod 644 /images/v1.26.9.tar
