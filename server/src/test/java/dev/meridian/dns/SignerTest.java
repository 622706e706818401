package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** Both ways of signing make what the JDK verifies. */
class SignerTest {
  private static KeyPair keys() throws GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(new ECGenParameterSpec("secp256r1"));
    return generator.generateKeyPair();
  }

  private static void check(Signer signer, KeyPair keys, Random random) throws Exception {
    byte[] data = new byte[random.nextInt(2000)];
    random.nextBytes(data);
    byte[] signature = signer.sign(MessageDigest.getInstance("SHA-256").digest(data));
    assertThat(signature).hasSize(SigningKey.SIGNATURE_BYTES);
    Signature verifier = Signature.getInstance("SHA256withECDSAinP1363Format");
    verifier.initVerify(keys.getPublic());
    verifier.update(data);
    assertThat(verifier.verify(signature)).isTrue();
  }

  @Test
  void jdkSigns() throws Exception {
    KeyPair keys = keys();
    Random random = new Random(1);
    for (int i = 0; i < 100; i++) {
      check(new JdkSigner(keys.getPrivate()), keys, random);
    }
  }

  @Test
  void nativeLibrarySigns() throws Exception {
    KeyPair keys = keys();
    Optional<Signer> found = NativeSigner.of(keys.getPrivate().getEncoded());
    assumeThat(found).as("OpenSSL 3 is on this machine").isPresent();
    Signer signer = found.orElseThrow();
    Random random = new Random(2);
    // Enough that both numbers are short now and then, one in 256 of each.
    for (int i = 0; i < 3000; i++) {
      check(signer, keys, random);
    }
    assertThatThrownBy(() -> signer.sign(new byte[31]))
        .isInstanceOf(GeneralSecurityException.class);
    assertThat(NativeSigner.of(new byte[100])).isEmpty();
  }

  @Test
  void manyThreadsSignWithManyKeysThatComeAndGo() throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int round = 0; round < 20; round++) {
        KeyPair keys = keys();
        Signer signer =
            NativeSigner.of(keys.getPrivate().getEncoded())
                .orElse(new JdkSigner(keys.getPrivate()));
        List<Callable<Boolean>> tasks = new ArrayList<>();
        for (int thread = 0; thread < 16; thread++) {
          Random random = new Random(100L * round + thread);
          tasks.add(
              () -> {
                for (int i = 0; i < 20; i++) {
                  check(signer, keys, random);
                }
                return true;
              });
        }
        for (Future<Boolean> done : threads.invokeAll(tasks)) {
          assertThat(done.get()).isTrue();
        }
        System.gc(); // what nobody has any more is freed while others sign
      }
    }
  }
}
