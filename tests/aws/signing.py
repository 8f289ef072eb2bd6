"""The keys with which CloudTrail would sign digests: RSA, one for each region, the same in every process.

A key must not depend on who drew it first, because the same options give the same bytes. Its primes are the first two above
numbers that are hashes of its name; how far above them is noted for those that tests use, as looking for them takes long.
"""

import base64
import functools
import hashlib

EXPONENT = 65537
# Distance of each prime from its hash, by the key's name.
DISTANCES = {
    "ap-northeast-1": (116, 92),
    "eu-south-1": (1002, 970),
    "eu-west-1": (332, 724),
    "us-east-1": (992, 84),
    "us-east-1/next": (968, 530),
    "us-east-1/own": (90, 646),
}


@functools.cache
def key(name):
    """The private key called so: a region, or one of its next keys."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    known = DISTANCES.get(name, (None, None))
    p, q = sorted((prime(f"{name}/{number}", distance) for number, distance in enumerate(known)), reverse=True)
    d = pow(EXPONENT, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(EXPONENT, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def prime(text, distance):
    """A prime of 1024 bits, so high that two of them make 2048."""
    candidate = int.from_bytes(hashlib.shake_256(text.encode()).digest(128), "big") | 3 << 1022 | 1
    if distance is not None:
        return candidate + distance
    small = [number for number in range(3, 2000, 2) if all(number % other for other in range(3, int(number**0.5) + 1, 2))]
    while not (all(candidate % number for number in small) and (candidate - 1) % EXPONENT
               and all(pow(base, candidate - 1, candidate) == 1 for base in (2, 3, 5, 7))):
        candidate += 2
    return candidate


@functools.cache
def public(name):
    """DER of the PKCS #1 RSAPublicKey, as CloudTrail gives it."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key(name).public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)


def fingerprint(name):
    return hashlib.md5(public(name)).hexdigest()


def listed(name, since, until):
    """A row of ListPublicKeys; times are seconds since 1970."""
    return {"Fingerprint": fingerprint(name), "Value": base64.b64encode(public(name)).decode(), "ValidityStartTime": since,
            "ValidityEndTime": until}


def sign(name, text):
    """Hexadecimal digits of the signature, RSASSA-PKCS1-v1_5 with SHA-256."""
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.hashes import SHA256

    return key(name).sign(text.encode(), padding.PKCS1v15(), SHA256()).hex()
