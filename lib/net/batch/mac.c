/*
 * HMAC-SHA1 and HMAC-SHA256 (RFC 2104) over one message, with the OpenSSL that Node exports: what createHmac does, without the objects
 * that it makes for each. Keys stay nowhere.
 */
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "openssl.h"

union hash {
  SHA_CTX sha1;
  SHA256_CTX sha256;
};

/* One hash over a block and bytes after it. */
static void hash_of(bool is_256, const uint8_t *block, const uint8_t *bytes, size_t size, uint8_t *digest) {
  union hash hash;
  if (is_256) {
    SHA256_Init(&hash.sha256);
    SHA256_Update(&hash.sha256, block, SHA_BLOCK);
    SHA256_Update(&hash.sha256, bytes, size);
    SHA256_Final(digest, &hash.sha256);
  } else {
    SHA1_Init(&hash.sha1);
    SHA1_Update(&hash.sha1, block, SHA_BLOCK);
    SHA1_Update(&hash.sha1, bytes, size);
    SHA1_Final(digest, &hash.sha1);
  }
  OPENSSL_cleanse(&hash, sizeof hash);
}

static bool bytes_of(napi_env env, napi_value value, uint8_t **bytes, size_t *size) {
  napi_typedarray_type type;
  return napi_get_typedarray_info(env, value, &type, size, (void **)bytes, NULL, NULL) == napi_ok && type == napi_uint8_array;
}

/* hmac(key, message, digest): of 20 bytes with SHA-1, of 32 with SHA-256. False: not this key, or not in this Node. */
static napi_value hmac(napi_env env, napi_callback_info info) {
  napi_value arguments[3], result;
  size_t count = 3, key_size, message_size, digest_size;
  uint8_t *key, *message, *digest;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  if (count < 3 || !bytes_of(env, arguments[0], &key, &key_size) || !bytes_of(env, arguments[1], &message, &message_size) ||
      !bytes_of(env, arguments[2], &digest, &digest_size)) {
    napi_throw_type_error(env, NULL, "no bytes");
    return NULL;
  }
  bool is_256 = digest_size == SHA256_BYTES;
  bool can = SHA1_Update && SHA256_Update && OPENSSL_cleanse && key_size <= SHA_BLOCK && (is_256 || digest_size == SHA1_BYTES);
  if (can) {
    uint8_t block[SHA_BLOCK] = {0}, inner[SHA256_BYTES];
    if (key_size > 0) memcpy(block, key, key_size);
    for (int i = 0; i < SHA_BLOCK; i++) block[i] ^= 0x36;
    hash_of(is_256, block, message, message_size, inner);
    for (int i = 0; i < SHA_BLOCK; i++) block[i] ^= 0x36 ^ 0x5c;
    hash_of(is_256, block, inner, digest_size, digest);
    OPENSSL_cleanse(block, sizeof block);
    OPENSSL_cleanse(inner, sizeof inner);
  }
  napi_get_boolean(env, can, &result);
  return result;
}

void define_mac(napi_env env, napi_value exports) {
  napi_value function;
  napi_create_function(env, "hmac", NAPI_AUTO_LENGTH, hmac, NULL, &function);
  napi_set_named_property(env, exports, "hmac", function);
}
