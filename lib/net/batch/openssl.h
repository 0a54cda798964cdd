/*
 * Of OpenSSL 3, which Node exports, what is needed here, as declared in its headers: these are not part of Node-API's. Weak: a Node
 * without them loads the rest of the addon.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define WEAK __attribute__((weak))

typedef struct evp_cipher_st EVP_CIPHER;
typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
enum { SET_IV_LENGTH = 0x9, GET_TAG = 0x10, SET_TAG = 0x11 };
extern WEAK const EVP_CIPHER *EVP_aes_128_ecb(void), *EVP_aes_192_ecb(void), *EVP_aes_256_ecb(void);
extern WEAK const EVP_CIPHER *EVP_aes_128_gcm(void), *EVP_aes_256_gcm(void);
extern WEAK EVP_CIPHER_CTX *EVP_CIPHER_CTX_new(void);
extern WEAK void EVP_CIPHER_CTX_free(EVP_CIPHER_CTX *);
extern WEAK int EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *, int, int, void *);
extern WEAK int EVP_CIPHER_CTX_set_padding(EVP_CIPHER_CTX *, int);
extern WEAK int EVP_CipherInit_ex(EVP_CIPHER_CTX *, const EVP_CIPHER *, void *, const uint8_t *, const uint8_t *, int);
extern WEAK int EVP_CipherUpdate(EVP_CIPHER_CTX *, uint8_t *, int *, const uint8_t *, int);
extern WEAK int EVP_CipherFinal_ex(EVP_CIPHER_CTX *, uint8_t *, int *);

typedef struct {
  uint32_t state[5], bits_low, bits_high, data[16], count;
} SHA_CTX;
typedef struct {
  uint32_t state[8], bits_low, bits_high, data[16], count, size;
} SHA256_CTX;
enum { SHA1_BYTES = 20, SHA256_BYTES = 32, SHA_BLOCK = 64 };
extern WEAK int SHA1_Init(SHA_CTX *), SHA1_Update(SHA_CTX *, const void *, size_t), SHA1_Final(uint8_t *, SHA_CTX *);
extern WEAK int SHA256_Init(SHA256_CTX *), SHA256_Update(SHA256_CTX *, const void *, size_t), SHA256_Final(uint8_t *, SHA256_CTX *);

extern WEAK int CRYPTO_memcmp(const void *, const void *, size_t);
extern WEAK void OPENSSL_cleanse(void *, size_t);
