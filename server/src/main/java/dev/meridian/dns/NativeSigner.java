package dev.meridian.dns;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Cleaner;
import java.security.GeneralSecurityException;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Signs by OpenSSL's library, where this machine has it: several times as fast as the JDK. Linux on
 * 64-bit processors only, OpenSSL 3.
 */
final class NativeSigner implements Signer {
  private static final Logger LOG = LoggerFactory.getLogger(NativeSigner.class);
  private static final Cleaner CLEANER = Cleaner.create();
  private static final int DIGEST_BYTES = 32;
  private static final int HALF = SigningKey.SIGNATURE_BYTES / 2;

  /** An ECDSA-Sig-Value (RFC 3279, section 2.2.3) of two numbers of 33 bytes at most. */
  private static final int MAX_DER = 72;

  private static final @Nullable C LIBRARY = C.load();

  private final C library;
  private final MemorySegment key;

  /** Never more than sign at once. */
  private final ConcurrentLinkedQueue<Context> idle = new ConcurrentLinkedQueue<>();

  private record C(
      MethodHandle readKey,
      MethodHandle freeKey,
      MethodHandle newContext,
      MethodHandle initSign,
      MethodHandle sign,
      MethodHandle freeContext) {
    /** That the library must not take its memory away when the process ends: others may sign. */
    private static final long NO_ATEXIT = 0x0008_0000;

    static @Nullable C load() {
      try {
        String processor = System.getProperty("os.arch");
        if (!System.getProperty("os.name").equals("Linux")
            || !(processor.equals("amd64") || processor.equals("aarch64"))) {
          return null;
        }
        SymbolLookup found = SymbolLookup.libraryLookup("libcrypto.so.3", Arena.global());
        MethodHandle init =
            function(
                found, "OPENSSL_init_crypto", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, ADDRESS));
        if ((int) init.invokeExact(NO_ATEXIT, MemorySegment.NULL) != 1) {
          return null;
        }
        FunctionDescriptor freeing = FunctionDescriptor.ofVoid(ADDRESS);
        return new C(
            function(
                found,
                "d2i_AutoPrivateKey",
                FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS, JAVA_LONG)),
            function(found, "EVP_PKEY_free", freeing),
            function(found, "EVP_PKEY_CTX_new", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS)),
            function(found, "EVP_PKEY_sign_init", FunctionDescriptor.of(JAVA_INT, ADDRESS)),
            function(
                found,
                "EVP_PKEY_sign",
                FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG)),
            function(found, "EVP_PKEY_CTX_free", freeing));
      } catch (Throwable e) { // whatever is wrong with the library, there is another way
        LOG.debug("Signatures are made by the JDK", e);
        return null;
      }
    }

    private static MethodHandle function(
        SymbolLookup library, String name, FunctionDescriptor type) {
      return Linker.nativeLinker().downcallHandle(library.findOrThrow(name), type);
    }
  }

  /** What one signature at a time is made with; freed when nobody has it any more. */
  private final class Context {
    private final MemorySegment context;
    private final MemorySegment memory = Arena.ofAuto().allocate(MAX_DER + DIGEST_BYTES + 8, 8);
    private final MemorySegment size = memory.asSlice(0, 8);
    private final MemorySegment digest = memory.asSlice(8, DIGEST_BYTES);
    private final MemorySegment signature = memory.asSlice(8 + DIGEST_BYTES, MAX_DER);

    Context() throws Throwable {
      context = (MemorySegment) library.newContext.invokeExact(key, MemorySegment.NULL);
      if (context.equals(MemorySegment.NULL)) {
        throw new GeneralSecurityException("OpenSSL has no memory");
      }
      CLEANER.register(this, freeing(library.freeContext, context));
      if ((int) library.initSign.invokeExact(context) != 1) {
        throw new GeneralSecurityException("OpenSSL refuses the key");
      }
    }

    byte[] sign(byte[] of) throws Throwable {
      MemorySegment.copy(of, 0, digest, JAVA_BYTE, 0, DIGEST_BYTES);
      size.set(JAVA_LONG, 0, MAX_DER);
      int done =
          (int) library.sign.invokeExact(context, signature, size, digest, (long) DIGEST_BYTES);
      if (done != 1) {
        throw new GeneralSecurityException("OpenSSL does not sign");
      }
      byte[] der = new byte[(int) size.get(JAVA_LONG, 0)];
      MemorySegment.copy(signature, JAVA_BYTE, 0, der, 0, der.length);
      return plain(der);
    }
  }

  private NativeSigner(C library, MemorySegment key) {
    this.library = library;
    this.key = key;
    CLEANER.register(this, freeing(library.freeKey, key));
  }

  /** A signer with this key; empty where the library is missing or does not take it. */
  static Optional<Signer> of(byte[] pkcs8) {
    C library = LIBRARY;
    if (library == null) {
      return Optional.empty();
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment der = arena.allocate(pkcs8.length);
      MemorySegment.copy(pkcs8, 0, der, JAVA_BYTE, 0, pkcs8.length);
      MemorySegment pointer = arena.allocate(ADDRESS);
      pointer.set(ADDRESS, 0, der);
      MemorySegment key =
          (MemorySegment)
              library.readKey.invokeExact(MemorySegment.NULL, pointer, (long) pkcs8.length);
      der.fill((byte) 0);
      return key.equals(MemorySegment.NULL)
          ? Optional.empty()
          : Optional.of(new NativeSigner(library, key));
    } catch (Throwable e) { // of the call itself: the JDK signs, then
      LOG.debug("OpenSSL does not take the key", e);
      return Optional.empty();
    }
  }

  @Override
  public byte[] sign(byte[] digest) throws GeneralSecurityException {
    if (digest.length != DIGEST_BYTES) {
      throw new GeneralSecurityException("a digest has " + DIGEST_BYTES + " bytes");
    }
    try {
      Context context = idle.poll();
      if (context == null) {
        context = new Context();
      }
      byte[] signature = context.sign(digest);
      idle.offer(context);
      return signature;
    } catch (GeneralSecurityException | RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new GeneralSecurityException(e);
    }
  }

  /** Holds neither the signer nor the context, which else would never be given up. */
  private static Runnable freeing(MethodHandle free, MemorySegment what) {
    return () -> {
      try {
        free.invokeExact(what);
      } catch (Throwable e) {
        LOG.debug("OpenSSL's memory is not given back", e);
      }
    };
  }

  /** A sequence of two numbers, as many bytes as they need, to two of a fixed length. */
  private static byte[] plain(byte[] der) throws GeneralSecurityException {
    byte[] plain = new byte[2 * HALF];
    // The lengths are below 128, so each has one byte.
    int at = 2;
    if (der.length < 2 || der[0] != 0x30 || der[1] != der.length - 2) {
      throw new GeneralSecurityException("OpenSSL's signature is no sequence");
    }
    for (int half = 0; half < 2; half++) {
      if (at + 2 > der.length || der[at] != 2 || at + 2 + der[at + 1] > der.length) {
        throw new GeneralSecurityException("OpenSSL's signature is not two numbers");
      }
      int length = der[at + 1];
      int from = at + 2;
      at = from + length;
      while (length > HALF && der[from] == 0) {
        from++;
        length--;
      }
      if (length > HALF || length < 1) {
        throw new GeneralSecurityException("OpenSSL's signature is too long");
      }
      System.arraycopy(der, from, plain, HALF * (half + 1) - length, length);
    }
    return plain;
  }
}
