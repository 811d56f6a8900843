// What `publish/aebook/bundle.py` puts in the place of these names; a source that runs as it is has neither.
declare const AE_WORKER: string; // the program of the worker
declare const AE_KERNELS: string; // `kernels.wat`, compiled, in base64
