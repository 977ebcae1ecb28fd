# In a container of the lab's services: certificates of a CA of its own, and the files with passwords, in /world.
# MIRROR, REGISTRY, PUSH, PROXY: user:password.
set -eu
cd /world
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=CA of the closed network" -keyout ca.key -out ca.crt
for name in mirror registry; do
  openssl req -newkey rsa:2048 -nodes -subj "/CN=$name.closed.test" -keyout "$name.key" -out "$name.csr"
  printf 'basicConstraints=CA:FALSE\nsubjectAltName=DNS:%s.closed.test\n' "$name" > "$name.ext"
  openssl x509 -req -days 30 -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -extfile "$name.ext" \
    -out "$name.crt"
done
htpasswd -bBn "${MIRROR%%:*}" "${MIRROR#*:}" > mirror.htpasswd
{
  htpasswd -bBn "${REGISTRY%%:*}" "${REGISTRY#*:}"
  htpasswd -bBn "${PUSH%%:*}" "${PUSH#*:}"
} > registry.htpasswd
{
  cat /scenario/world/tinyproxy.conf
  echo "BasicAuth ${PROXY%%:*} ${PROXY#*:}"
} > tinyproxy.conf
# nginx's workers and tinyproxy are not root.
chmod 644 ./*.htpasswd tinyproxy.conf
