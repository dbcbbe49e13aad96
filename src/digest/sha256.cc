// SPDX-License-Identifier: GPL-2.0-or-later

#include "digest/sha256.h"

#include <openssl/evp.h>

#include "qcow2stream/error.h"

namespace qcow2stream {

struct Sha256::State {
  std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> kind{EVP_MD_fetch(nullptr, "SHA256", nullptr),
                                                       &EVP_MD_free};
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(),
                                                                  &EVP_MD_CTX_free};
};

namespace {

void expect_ok(bool ok) {
  if (!ok) throw Error(ErrorKind::kFailed, "SHA-256", "digest failed", "OpenSSL refuses it");
}

}  // namespace

Sha256::Sha256() : state_(std::make_unique<State>()) {
  expect_ok(state_->kind != nullptr && state_->context != nullptr);
  begin();
}

Sha256::~Sha256() = default;

void Sha256::begin() {
  expect_ok(EVP_DigestInit_ex(state_->context.get(), state_->kind.get(), nullptr) == 1);
}

void Sha256::update(std::span<const std::byte> bytes) {
  expect_ok(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

Sha256::Value Sha256::finish() {
  Value value{};
  unsigned size = value.size();
  expect_ok(EVP_DigestFinal_ex(state_->context.get(),
                               reinterpret_cast<unsigned char*>(value.data()), &size) == 1);
  return value;
}

}  // namespace qcow2stream
