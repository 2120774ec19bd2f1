# Make the containers' network with $ENGINE, unless it is there: bridge $BRIDGE, subnet $SUBNET.0/24.
set -eu

if found=$("$ENGINE" network inspect booksync-network 2>/dev/null); then
    case $found in
    *"\"$SUBNET.0/24\""*) exit 0 ;;
    esac
    echo "booksync-network: expected the subnet $SUBNET.0/24, and the network that is there has another:" \
        "stop the containers, run '$ENGINE network rm booksync-network', and start them again" >&2
    exit 1
fi
if [ "$ENGINE" = docker ]; then
    set -- --opt "com.docker.network.bridge.name=$BRIDGE"
else
    set -- --interface-name "$BRIDGE"
fi
exec "$ENGINE" network create --driver bridge "$@" --subnet "$SUBNET.0/24" --gateway "$SUBNET.1" booksync-network
