import { watch } from "./functions.js";
import { offer, choose } from "./call.js";
import { receive } from "./photos.js";

watch({ changed: offer, tried: choose });
receive();
