// Lets a request with an active token pass. Scope and audience are not looked at.
const BEARER = /^Bearer +([\w.~+\/-]+=*)$/;

function check(request) {
  const shown = BEARER.exec(request.headersIn.Authorization || "");
  if (!shown) return request.return(401);
  request.subrequest("/ask", "token=" + shown[1], answer => {
    if (answer.status !== 200) return request.return(500);
    let fact;
    try {
      fact = JSON.parse(answer.responseText);
    } catch (_) {
      return request.return(500);
    }
    request.return(fact.active === true ? 204 : 403);
  });
}

export default { check };
