/** Thrown where nothing can be said about a stack: it does not exist, its state cannot be read, and so on. */
export class CouldNotLook extends Error {}
