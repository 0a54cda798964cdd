/*
 * The ciphers of SRTP for one packet a call, with the OpenSSL that Node exports: what lib/srtp does with counter-mode.ts and gcm.ts, byte
 * for byte, at a third of the cost. Which number a packet has, whether it has come before and what follows from its tag is decided
 * there. Keys stay in the context until `srtpForget`, or until nobody holds it.
 *
 *    counter mode    RTP: header | encrypted | MKI | tag             RTCP: header | encrypted | E, index | MKI | tag
 *    GCM             RTP: header | encrypted, tag | MKI              RTCP: header | encrypted, tag | E, index | MKI
 */
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "openssl.h"

/* Counters that are encrypted at once: those of a packet of voice, or of a fourth of a large one. */
enum { AES_BLOCK = 16, COUNTERS = 24 };
enum { GCM_TAG = 16, GCM_NONCE = 12, INDEX_BYTES = 4, SALT_MAX = 14 };
/* An index has 48 bits (RFC 3711 3.3.1); OpenSSL takes sizes as int, and no datagram is larger. */
enum { PACKET_MAX = 1 << 20 };
static const double INDEX_END = 281474976710656.0;

struct srtp {
  bool is_gcm, is_rtcp;
  size_t tag_size;
  /* NULL once the keys are forgotten. */
  EVP_CIPHER_CTX *cipher;
  /* The states after the key's block, inside and outside. */
  SHA_CTX inner, outer;
  uint8_t salt[16];
};

/* What one call is about. */
struct packet {
  const uint8_t *bytes;
  size_t size;
  uint8_t *out;
  size_t out_size;
  size_t clear_size;
  uint32_t ssrc;
  uint64_t index;
  size_t mki_size;
};

static void write_u32(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 24), at[1] = (uint8_t)(value >> 16), at[2] = (uint8_t)(value >> 8), at[3] = (uint8_t)value;
}

static void drop(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  struct srtp *srtp = data;
  EVP_CIPHER_CTX_free(srtp->cipher);
  OPENSSL_cleanse(srtp, sizeof *srtp);
  free(srtp);
}

static void start_hmac(SHA_CTX *state, const uint8_t *key, size_t size, uint8_t pad) {
  uint8_t block[SHA_BLOCK];
  memset(block, pad, sizeof block);
  for (size_t i = 0; i < size; i++) block[i] ^= key[i];
  SHA1_Init(state);
  SHA1_Update(state, block, sizeof block);
  OPENSSL_cleanse(block, sizeof block);
}

static bool bytes_of(napi_env env, napi_value value, uint8_t **bytes, size_t *size) {
  return napi_get_typedarray_info(env, value, NULL, size, (void **)bytes, NULL, NULL) == napi_ok;
}

/* srtpNew(isGcm, isRtcp, tagSize, cipherKey, authKey, salt): a context; undefined where this Node has no such cipher. */
static napi_value srtp_new(napi_env env, napi_callback_info info) {
  napi_value arguments[6], external;
  size_t count = 6;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  int32_t is_gcm, is_rtcp, tag_size;
  uint8_t *key, *auth, *salt;
  size_t key_size, auth_size, salt_size;
  if (count < 6 || napi_get_value_int32(env, arguments[0], &is_gcm) || napi_get_value_int32(env, arguments[1], &is_rtcp) ||
      napi_get_value_int32(env, arguments[2], &tag_size) || !bytes_of(env, arguments[3], &key, &key_size) ||
      !bytes_of(env, arguments[4], &auth, &auth_size) || !bytes_of(env, arguments[5], &salt, &salt_size) ||
      salt_size > SALT_MAX || auth_size > SHA_BLOCK || tag_size < 0 || tag_size > SHA1_BYTES || (is_gcm && tag_size != GCM_TAG)) {
    napi_throw_type_error(env, NULL, "no key of SRTP");
    return NULL;
  }
  if (!EVP_CIPHER_CTX_new || !EVP_CipherInit_ex || !SHA1_Update || !CRYPTO_memcmp) return NULL;
  const EVP_CIPHER *cipher = is_gcm ? (key_size == 16 ? EVP_aes_128_gcm() : key_size == 32 ? EVP_aes_256_gcm() : NULL)
                             : key_size == 16 ? EVP_aes_128_ecb()
                             : key_size == 24 ? EVP_aes_192_ecb()
                             : key_size == 32 ? EVP_aes_256_ecb()
                                              : NULL;
  struct srtp *srtp = calloc(1, sizeof *srtp);
  if (!cipher || !srtp || !(srtp->cipher = EVP_CIPHER_CTX_new()) ||
      !EVP_CipherInit_ex(srtp->cipher, cipher, NULL, key, NULL, 1)) {
    if (srtp && srtp->cipher) EVP_CIPHER_CTX_free(srtp->cipher);
    free(srtp);
    return NULL;
  }
  if (!is_gcm) EVP_CIPHER_CTX_set_padding(srtp->cipher, 0);
  srtp->is_gcm = is_gcm, srtp->is_rtcp = is_rtcp, srtp->tag_size = (size_t)tag_size;
  memcpy(srtp->salt, salt, salt_size);
  start_hmac(&srtp->inner, auth, auth_size, 0x36);
  start_hmac(&srtp->outer, auth, auth_size, 0x5c);
  napi_create_external(env, srtp, drop, NULL, &external);
  return external;
}

static struct srtp *begin(napi_env env, napi_callback_info info, napi_value *arguments, struct packet *packet) {
  size_t count = 7;
  struct srtp *srtp;
  double index;
  uint32_t clear_size, mki_size;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  if (count < 7 || napi_get_value_external(env, arguments[0], (void **)&srtp) ||
      !bytes_of(env, arguments[1], (uint8_t **)&packet->bytes, &packet->size) ||
      !bytes_of(env, arguments[2], &packet->out, &packet->out_size) ||
      napi_get_value_uint32(env, arguments[3], &clear_size) || napi_get_value_uint32(env, arguments[4], &packet->ssrc) ||
      napi_get_value_double(env, arguments[5], &index) || !(index >= 0 && index < INDEX_END) ||
      packet->size > PACKET_MAX) {
    napi_throw_type_error(env, NULL, "no packet of SRTP");
    return NULL;
  }
  if (napi_get_value_uint32(env, arguments[6], &mki_size)) mki_size = 0;
  packet->clear_size = clear_size;
  packet->index = (uint64_t)index;
  packet->mki_size = mki_size;
  return srtp;
}

static napi_value answer(napi_env env, bool is_right) {
  napi_value result;
  napi_get_boolean(env, is_right, &result);
  return result;
}

/* RFC 3711 4.1.1: the salt, with SSRC and index over it; the last two bytes count blocks. */
static void counter_of(const struct srtp *srtp, const struct packet *packet, uint8_t *counter) {
  memcpy(counter, srtp->salt, 16);
  for (int i = 0; i < 4; i++) counter[4 + i] ^= (uint8_t)(packet->ssrc >> (24 - 8 * i));
  for (int i = 0; i < 6; i++) counter[8 + i] ^= (uint8_t)(packet->index >> (40 - 8 * i));
}

/* RFC 7714 sections 8.1 and 9.1. */
static void nonce_of(const struct srtp *srtp, const struct packet *packet, uint8_t *nonce) {
  memcpy(nonce, srtp->salt, GCM_NONCE);
  for (int i = 0; i < 4; i++) nonce[2 + i] ^= (uint8_t)(packet->ssrc >> (24 - 8 * i));
  for (int i = 0; i < 6; i++) nonce[6 + i] ^= (uint8_t)(packet->index >> (40 - 8 * i));
}

/* By words: with -O2 older compilers go by the byte. */
static void lay_over(uint8_t *to, const uint8_t *from, const uint8_t *stream, size_t size) {
  size_t i = 0;
  for (; i + sizeof(uint64_t) <= size; i += sizeof(uint64_t)) {
    uint64_t word, key;
    memcpy(&word, from + i, sizeof word);
    memcpy(&key, stream + i, sizeof key);
    word ^= key;
    memcpy(to + i, &word, sizeof word);
  }
  for (; i < size; i++) to[i] = from[i] ^ stream[i];
}

/*
 * Counter mode out of single blocks: the counters are encrypted, and what comes out lies over the packet. OpenSSL's own wants a vector set for
 * each packet, which takes longer than to encrypt one of voice. Who has what is laid over it can read the packet: it does not stay.
 */
static bool crypt(struct srtp *srtp, const struct packet *packet, size_t end) {
  uint8_t counters[COUNTERS * AES_BLOCK], stream[COUNTERS * AES_BLOCK], first[AES_BLOCK];
  counter_of(srtp, packet, first);
  memmove(packet->out, packet->bytes, packet->clear_size);
  uint32_t block = 0;
  size_t used = 0;
  for (size_t at = packet->clear_size; at < end;) {
    size_t size = end - at < sizeof stream ? end - at : sizeof stream;
    size_t blocks = (size + AES_BLOCK - 1) / AES_BLOCK;
    for (size_t i = 0; i < blocks; i++, block++) {
      uint8_t *counter = counters + i * AES_BLOCK;
      memcpy(counter, first, AES_BLOCK);
      counter[14] = (uint8_t)(block >> 8), counter[15] = (uint8_t)block;
    }
    int made;
    if (!EVP_CipherUpdate(srtp->cipher, stream, &made, counters, (int)(blocks * AES_BLOCK))) return false;
    lay_over(packet->out + at, packet->bytes + at, stream, size);
    if (blocks * AES_BLOCK > used) used = blocks * AES_BLOCK;
    at += size;
  }
  OPENSSL_cleanse(stream, used);
  return true;
}

/* The end of a message of `size` bytes after the key's block, of which `left` stand at the head of `tail`, and the hash of all. */
static void finish(SHA_CTX *state, uint8_t *tail, size_t left, size_t size, uint8_t *digest) {
  /* The count of bits takes eight bytes: after 55 bytes there is no room for it in the same block. */
  size_t end = left < SHA_BLOCK - 8 ? SHA_BLOCK : 2 * SHA_BLOCK;
  tail[left] = 0x80;
  memset(tail + left + 1, 0, end - left - 1);
  write_u32(tail + end - 4, (uint32_t)(8 * (SHA_BLOCK + size)));
  SHA1_Update(state, tail, end);
  for (int i = 0; i < 5; i++) write_u32(digest + 4 * i, state->state[i]);
}

/*
 * HMAC-SHA1 over the first bytes; of RTP over the roll-over counter too, which is in no packet (RFC 3711 4.2). In whole blocks, of which OpenSSL
 * keeps nothing for later: the states of the key are overwritten by those of the packet.
 */
static void tag_of(const struct srtp *srtp, const struct packet *packet, const uint8_t *bytes, size_t size, uint8_t *tag) {
  SHA_CTX state = srtp->inner;
  uint8_t tail[2 * SHA_BLOCK];
  size_t left = size % SHA_BLOCK, whole = size - left;
  if (whole) SHA1_Update(&state, bytes, whole);
  memcpy(tail, bytes + whole, left);
  if (!srtp->is_rtcp) {
    write_u32(tail + left, (uint32_t)(packet->index >> 16));
    left += 4, size += 4;
  }
  finish(&state, tail, left, size, tag);
  memcpy(tail, tag, SHA1_BYTES);
  state = srtp->outer;
  finish(&state, tail, SHA1_BYTES, SHA1_BYTES, tag);
}

static bool crypt_gcm(struct srtp *srtp, const struct packet *packet, size_t clear_size, size_t end, const uint8_t *index,
                      bool is_sealing, uint8_t *tag) {
  uint8_t nonce[GCM_NONCE];
  int size;
  nonce_of(srtp, packet, nonce);
  if (!EVP_CipherInit_ex(srtp->cipher, NULL, NULL, NULL, nonce, is_sealing)) return false;
  if (!EVP_CipherUpdate(srtp->cipher, NULL, &size, packet->bytes, (int)clear_size)) return false;
  if (index && !EVP_CipherUpdate(srtp->cipher, NULL, &size, index, INDEX_BYTES)) return false;
  memmove(packet->out, packet->bytes, clear_size);
  if (end > clear_size &&
      !EVP_CipherUpdate(srtp->cipher, packet->out + clear_size, &size, packet->bytes + clear_size, (int)(end - clear_size)))
    return false;
  if (!is_sealing && !EVP_CIPHER_CTX_ctrl(srtp->cipher, SET_TAG, GCM_TAG, tag)) return false;
  uint8_t rest[16];
  if (!EVP_CipherFinal_ex(srtp->cipher, rest, &size)) return false;
  return !is_sealing || EVP_CIPHER_CTX_ctrl(srtp->cipher, GET_TAG, GCM_TAG, tag);
}

/* srtpSeal(context, packet, into, clearSize, ssrc, index, mki): `into` is of the size of what is made. True where it was made. */
static napi_value srtp_seal(napi_env env, napi_callback_info info) {
  napi_value arguments[7];
  struct packet packet = {0};
  struct srtp *srtp = begin(env, info, arguments, &packet);
  if (!srtp) return NULL;
  if (!srtp->cipher) return answer(env, false);
  uint8_t *mki = NULL;
  size_t mki_size = 0;
  bytes_of(env, arguments[6], &mki, &mki_size);
  size_t index_size = srtp->is_rtcp ? INDEX_BYTES : 0;
  if (packet.clear_size > packet.size || packet.out_size != packet.size + srtp->tag_size + index_size + mki_size)
    return answer(env, false);
  uint8_t index[INDEX_BYTES];
  write_u32(index, 0x80000000u | (uint32_t)packet.index);
  uint8_t *at = packet.out + packet.size;
  uint8_t tag[SHA1_BYTES];
  if (srtp->is_gcm) {
    if (!crypt_gcm(srtp, &packet, packet.clear_size, packet.size, srtp->is_rtcp ? index : NULL, true, at))
      return answer(env, false);
    memcpy(at + GCM_TAG, index, index_size);
    if (mki_size) memcpy(at + GCM_TAG + index_size, mki, mki_size);
    return answer(env, true);
  }
  if (!crypt(srtp, &packet, packet.size)) return answer(env, false);
  memcpy(at, index, index_size);
  tag_of(srtp, &packet, packet.out, packet.size + index_size, tag);
  if (mki_size) memcpy(at + index_size, mki, mki_size);
  memcpy(at + index_size + mki_size, tag, srtp->tag_size);
  return answer(env, true);
}

/*
 * srtpOpen(context, sealed, into, clearSize, ssrc, index, mkiSize): true where the tag is right. `into` gets the packet in clear; where it is
 * empty, counter mode looks at the tag alone.
 */
static napi_value srtp_open(napi_env env, napi_callback_info info) {
  napi_value arguments[7];
  struct packet packet = {0};
  struct srtp *srtp = begin(env, info, arguments, &packet);
  if (!srtp) return NULL;
  if (!srtp->cipher) return answer(env, false);
  size_t index_size = srtp->is_rtcp ? INDEX_BYTES : 0;
  size_t trailer = srtp->tag_size + index_size + packet.mki_size;
  if (packet.size < trailer + packet.clear_size) return answer(env, false);
  size_t end = packet.size - trailer;
  bool is_opening = packet.out_size > 0;
  if (is_opening && packet.out_size != end) return answer(env, false);
  if (srtp->is_gcm) {
    const uint8_t *index = packet.bytes + packet.size - packet.mki_size - index_size;
    bool is_clear = srtp->is_rtcp && !(index[0] & 0x80);
    uint8_t tag[GCM_TAG];
    memcpy(tag, packet.bytes + end, GCM_TAG);
    return answer(env, is_opening && crypt_gcm(srtp, &packet, is_clear ? end : packet.clear_size, end,
                                               srtp->is_rtcp ? index : NULL, false, tag));
  }
  uint8_t tag[SHA1_BYTES];
  tag_of(srtp, &packet, packet.bytes, end + index_size, tag);
  if (CRYPTO_memcmp(tag, packet.bytes + packet.size - srtp->tag_size, srtp->tag_size)) return answer(env, false);
  if (!is_opening) return answer(env, true);
  if (srtp->is_rtcp && !(packet.bytes[end] & 0x80)) {
    memcpy(packet.out, packet.bytes, end);
    return answer(env, true);
  }
  return answer(env, crypt(srtp, &packet, end));
}

/* srtpForget(context): overwrites its keys; nothing can be made or opened with it any more. */
static napi_value srtp_forget(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  size_t count = 1;
  struct srtp *srtp;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  if (count < 1 || napi_get_value_external(env, arguments[0], (void **)&srtp)) return NULL;
  EVP_CIPHER_CTX_free(srtp->cipher);
  srtp->cipher = NULL;
  OPENSSL_cleanse(&srtp->inner, sizeof srtp->inner + sizeof srtp->outer);
  OPENSSL_cleanse(srtp->salt, sizeof srtp->salt);
  return NULL;
}

void define_srtp(napi_env env, napi_value exports) {
  struct {
    const char *name;
    napi_callback function;
  } functions[] = {{"srtpNew", srtp_new}, {"srtpSeal", srtp_seal}, {"srtpOpen", srtp_open}, {"srtpForget", srtp_forget}};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
}
